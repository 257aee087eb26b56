"""Values in words, as commands and pages show them."""


def words(value: object) -> str:
    """Gives a value as text, without control characters, which could steer the terminal."""
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, (list, tuple)):
        return ", ".join(words(item) for item in value)
    return "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in str(value))


def moment(timestamp: str | None) -> str:
    """Gives a timestamp of the API to the minute: "2026-01-31 12:00 UTC"."""
    return "never" if timestamp is None else f"{timestamp[:10]} {timestamp[11:16]} UTC"
