"""Checks while the clock jumps."""

from datetime import timedelta

from bayplan.clock import timestamp
from tests.conftest import Service
from tests.registry.running import Registry
from tests.server.checks.conftest import MovableClock, eventually
from tests.server.checks.test_background import scheduled
from tests.server.checks.test_processes import execute
from tests.server.inspections.conftest import made, pushed

__all__ = ["scheduled"]


def test_a_clock_that_was_forty_days_ahead_puts_no_check_off(
    scheduled: Service,  # the fixture
    registry: Registry,
    clock: MovableClock,
) -> None:
    made(scheduled, pushed(registry, "loop/jump"))

    def times() -> tuple[str, str]:
        """When the image was checked last, and when it is next; by the database, since tokens end while the clock is ahead."""
        rows = execute(scheduled.settings.database_url, "SELECT checked, due FROM checks")
        return (rows[0][0] or "", rows[0][1] or "") if rows else ("", "")

    def is_checked() -> bool:
        return timestamp(clock() - timedelta(hours=1)) < times()[0] < timestamp(clock())

    eventually(is_checked)
    clock.move(days=40)
    eventually(is_checked)
    clock.move(days=-40)
    eventually(is_checked)
    assert times()[1] < timestamp(clock() + timedelta(hours=7))
