"""Waits before the next try: spread, doubling, bounded."""

import pytest

from bayplan.domain.backoff import Backoff, spread

BACKOFF = Backoff(2.0, 300.0)


def test_a_wait_is_spread_by_a_share_to_both_sides() -> None:
    assert [spread(60, 0.2, chance) for chance in (0, 0.5, 1)] == pytest.approx([48, 60, 72])


def test_waits_double_and_are_bounded() -> None:
    assert [BACKOFF.wait_seconds(failures, 1) for failures in (1, 2, 3)] == [2, 4, 8]
    for failures in (9, 100, 10**6):
        assert [BACKOFF.wait_seconds(failures, chance) for chance in (0, 1)] == [150, 300]


@pytest.mark.parametrize(("jitter", "waits"), [(0, [8, 8]), (0.5, [4, 8]), (1, [0, 8])])
def test_jitter_makes_a_wait_shorter_by_up_to_that_share(jitter: float, waits: list[float]) -> None:
    assert [Backoff(2.0, 300.0, jitter).wait_seconds(3, chance) for chance in (0, 1)] == waits


def test_no_first_wait_is_no_wait() -> None:
    assert Backoff(0.0, 300.0).wait_seconds(7, 1) == 0


def test_a_wait_of_what_has_failed_for_a_time_doubles_that_time() -> None:
    assert [BACKOFF.wait_seconds_since(seconds) for seconds in (0, 1, 2, 50, 301, 1e9)] == [2, 2, 2, 50, 300, 300]
