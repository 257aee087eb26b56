"""How long to wait before the next try, and how waiting is spread out so that a fleet does not ask at once."""

FIRST_RETRY_SECONDS = 2.0
LONGEST_RETRY_SECONDS = 300.0
JITTER = 0.2


def jittered(seconds: float, chance: float) -> float:
    """Gives a waiting time up to a fifth shorter or longer; `chance` is in [0, 1)."""
    return seconds * (1 - JITTER + 2 * JITTER * chance)


def retry_seconds(failures: int, chance: float) -> float:
    """Gives how long to wait after so many failures in a row: doubling, bounded, and spread out by half."""
    longest = min(LONGEST_RETRY_SECONDS, FIRST_RETRY_SECONDS * 2.0 ** min(failures - 1, 20))
    return longest * (0.5 + chance / 2)
