"""Waits before the next try, with jitter, so that a fleet does not send its requests at once.

Pure: `chance`, a number from 0 to 1, is an argument.
"""

from dataclasses import dataclass

_MAX_DOUBLINGS = 50  # more could overflow a float, and no wait is that long


@dataclass(frozen=True, slots=True)
class Backoff:
    """Waits that double from the first to the longest; chance makes each shorter by up to the share `jitter`."""

    first_seconds: float
    longest_seconds: float
    jitter: float = 0.5

    def wait_seconds(self, failures: int, chance: float) -> float:
        """Gives the wait after so many failures in a row, from 1."""
        wait = min(self.longest_seconds, self.first_seconds * 2.0 ** min(failures - 1, _MAX_DOUBLINGS))
        return wait * (1 - self.jitter + self.jitter * chance)

    def wait_seconds_since(self, failing_seconds: float) -> float:
        """Gives the wait, without jitter, after failures for so long: as long again, so that each wait doubles that time."""
        return min(self.longest_seconds, max(self.first_seconds, failing_seconds))


def spread(seconds: float, share: float, chance: float) -> float:
    """Gives a wait that chance makes shorter or longer by up to that share."""
    return seconds * (1 + share * (2 * chance - 1))
