"""How promises of speed are tested: by the quickest of some attempts, since a busy machine is slow now and then."""

from collections.abc import Callable

ATTEMPTS = 20


def quickest(attempt: Callable[[], float], seconds: float) -> float:
    """Gives what the quickest attempt took; no more are made once one took less than `seconds`."""
    took = attempt()
    for _ in range(ATTEMPTS - 1):
        if took < seconds:
            break
        took = min(took, attempt())
    return took
