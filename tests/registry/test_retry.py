"""When a request is sent again."""

import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bayplan.registry.retry import RetryPolicy, retry_after

NOW = datetime.datetime(2026, 11, 23, 10, 0, 0, tzinfo=datetime.UTC)
POLICY = RetryPolicy(attempts=4)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (None, None),
        ("7", 7.0),
        (" 0 ", 0.0),
        ("Mon, 23 Nov 2026 10:00:30 GMT", 30.0),
        ("Mon, 23 Nov 2026 09:00:00 GMT", 0.0),
        ("soon", None),
        ("-5", None),
        ("1e9", None),
        ("٣", None),
        ("9" * 400, 999999999.0),
        ("0" * 20 + "5", 5.0),
        (f"Wed, 21 Oct {'9' * 20} 07:28:00 GMT", None),
        (f"Wed, 21 Oct 2026 {'9' * 20}:28:00 GMT", None),
        (f"Wed, 21 Oct 2026 07:28:00 +{'9' * 30}", None),
    ],
)
def test_retry_after_is_read(header: str | None, seconds: float | None) -> None:
    """Seconds and dates; nonsense is none."""
    assert retry_after(header, NOW) == seconds


@given(
    st.text(max_size=60) | st.from_regex(r"[A-Z][a-z]{2}, [0-9]{1,30} Oct [0-9]{1,30} [0-9:]{1,30} [+-]?[0-9A-Z]{1,30}")
)
def test_no_retry_after_breaks_the_reader(header: str) -> None:
    """Whatever comes, it is seconds from now or nothing."""
    seconds = retry_after(header, NOW)
    assert seconds is None or seconds >= 0


def test_waits_double_up_to_a_limit_and_end() -> None:
    """At the unluckiest chance; the last attempt is followed by none."""
    assert [POLICY.wait(attempt, None, 1.0) for attempt in (1, 2, 3, 4)] == [0.5, 1.0, 2.0, None]
    assert RetryPolicy(attempts=99).wait(50, None, 1.0) == 20.0


@given(st.integers(1, 3), st.floats(0, 20), st.floats(0, 1))
def test_a_retry_after_is_kept(attempt: int, asked: float, chance: float) -> None:
    """Never earlier than asked, and not much later."""
    wait = POLICY.wait(attempt, asked, chance)
    assert wait is not None
    assert asked <= wait <= max(asked, 0.5) * 1.1


def test_one_that_is_too_long_ends_it() -> None:
    """Nobody waits for an hour."""
    assert POLICY.wait(1, 3600.0, 0.5) is None
