"""How pages write values: the same words as the command line's."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from bayplan.domain import units
from bayplan.domain.names import composed
from bayplan.domain.units import count as count
from bayplan.exports.value_words import moment


def machine_time(timestamp: str) -> str:
    """Gives a timestamp of the API as HTML's `datetime` takes it: to the millisecond."""
    return f"{timestamp[:19]}{timestamp[19:].rstrip('Z')[:4]}Z"


def ago(timestamp: str | None) -> str:
    """Gives how long ago a timestamp of the API was: "3 minutes ago"."""
    if timestamp is None:
        return "never"
    return units.ago((datetime.now(UTC) - datetime.fromisoformat(timestamp)).total_seconds())


def size(size_bytes: int | None) -> str:
    """Gives the size of an image or a disk, "-" where there is none."""
    return "-" if size_bytes is None else units.size(size_bytes)


def memory(size_bytes: int | None) -> str:
    """Gives the size of a memory, "-" where it is not known."""
    return "-" if size_bytes is None else units.memory(size_bytes)


def number(value: int) -> str:
    """Gives a number with its thousands apart: "12,000"."""
    return f"{value:,}"


def value_in_words(name: str, value: object) -> str:
    """Gives the value of a fact or a field."""
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if name.endswith(("_bytes", "_mem")) and isinstance(value, int):
        return units.memory(value)
    if isinstance(value, dict):
        return "; ".join(f"{key}: {value_in_words('', inner)}" for key, inner in value.items())
    if isinstance(value, list):
        return ", ".join(value_in_words("", inner) for inner in value) or "none"
    return str(value)


def facts_in_words(facts: Mapping[str, object]) -> list[tuple[str, str]]:
    """Gives the names and values of a node's facts that are known: "gpu memory", "80 GiB"."""
    known = {name.removesuffix("_bytes").replace("_", " "): (name, value) for name, value in facts.items()}
    return [
        (f"{word}ory" if word.endswith(" mem") else word, value_in_words(name, value))
        for word, (name, value) in known.items()
        if value is not None
    ]


def short(text: str, letters: int) -> str:
    """Gives a text of at most so many letters, the last one "…" where some are left out."""
    return text if len(text) <= letters else f"{text[: letters - 1]}…"


def visible(text: str) -> str:
    """Gives a text as it is typed; what cannot be seen in it, such as controls of direction, is left out."""
    return composed("".join(letter if letter.isprintable() else " " * letter.isspace() for letter in text))


FILTERS: Mapping[str, Callable[..., Any]] = {
    "moment": moment,
    "ago": ago,
    "machine_time": machine_time,
    "size": size,
    "memory": memory,
    "number": number,
    "count": count,
}
