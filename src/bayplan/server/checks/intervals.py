"""The times of background checks, besides the interval in the settings."""

from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, slots=True)
class CheckIntervals:
    """Times of the scheduler, as an argument, so that a test need not wait."""

    poll_seconds: float = 2.0
    """The time between two queries for due images."""
    sweep_seconds: float = 60.0
    """The time between two queries for images without a due time; a change of the catalogue starts a query as well."""
    first_check_seconds: float = 30.0
    """The longest wait before the first check of a new image."""
    batch_seconds: float = 1.0
    """How long results wait for others to be written with; changes move the catalogue's version once for all of them."""
    stop_seconds: float = 5.0
    """How long a stop waits for the database."""
    lease: timedelta = timedelta(minutes=15)
    """The lease of a claim: longer than all checks of a claim can take."""
