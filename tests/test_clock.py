"""The clocks."""

from datetime import UTC, datetime, timedelta

from bayplan.clock import MOST_JUMP, SteadyClock


def test_a_steady_clock_goes_with_the_time_and_jumps_forward_by_a_day_at_most() -> None:
    begun, seconds, jumped = datetime(2026, 11, 28, tzinfo=UTC), 100.0, timedelta()

    def wall() -> datetime:
        return begun + timedelta(seconds=seconds - 100.0) + jumped

    clock = SteadyClock(wall, lambda: seconds)
    assert clock() == begun
    seconds += 10 * 86400
    assert clock() == begun + timedelta(days=10)
    jumped = timedelta(hours=1)
    assert clock() == begun + timedelta(days=10, hours=1)
    jumped = timedelta(days=800)
    assert clock() == begun + timedelta(days=10) + MOST_JUMP
    seconds += 3600
    assert clock() == begun + timedelta(days=10, hours=1) + MOST_JUMP
    jumped = -timedelta(days=800)
    assert clock() == wall()
