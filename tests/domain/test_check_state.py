"""From check to check: pure, so every way is tried."""

import pytest

from bayplan.domain.check_state import (
    CheckResult,
    CheckState,
    is_conclusive,
    state_after,
    state_when_accepted,
    wait_seconds,
)
from bayplan.domain.units import seconds
from bayplan.errors import Invalid

A, B = f"sha256:{'a' * 64}", f"sha256:{'b' * 64}"
OK = CheckState(A, "ok", "1")
FAILURES = {
    "image_not_found": "missing",
    "registry_denied": "denied",
    "registry_unreachable": "unreachable",
    "registry_timeout": "unreachable",
    "manifest_invalid": "unreachable",
    "unknown_key": "unreachable",
}


def test_the_first_check_sets_the_digest_that_the_catalogue_expects() -> None:
    assert state_after(CheckState(), CheckResult("1", A)) == OK


def test_a_digest_that_is_stored_stays_expected() -> None:
    moved = state_after(CheckState(A), CheckResult("1", B))
    assert (moved.digest, moved.state, moved.found, moved.code) == (A, "moved", B, None)
    assert moved.detail is not None
    assert state_after(moved, CheckResult("2", B)).since == "1"
    assert state_after(moved, CheckResult("2", A)) == CheckState(A, "ok", "2")
    assert state_when_accepted(moved, B, "2") == CheckState(B, "ok", "2")
    assert state_when_accepted(OK, B, "2") == CheckState(B, "ok", "1")


@pytest.mark.parametrize(("code", "state"), FAILURES.items())
def test_a_failure_is_a_state_and_forgets_no_digest(code: str, state: str) -> None:
    after = state_after(OK, CheckResult("2", None, code, "Said."))
    assert after == CheckState(A, state, "2", None, code, "Said.")
    assert after.differs_from(OK)
    assert state_after(after, CheckResult("3", A)) == CheckState(A, "ok", "3")


def test_the_same_again_is_no_news() -> None:
    unreachable = state_after(OK, CheckResult("2", None, "registry_timeout", "Slow."))
    again = state_after(unreachable, CheckResult("3", None, "registry_unreachable", "Nobody."))
    assert not again.differs_from(unreachable)
    assert (again.since, again.code) == ("2", "registry_unreachable")
    assert not state_after(OK, CheckResult("2", A)).differs_from(OK)
    assert state_after(CheckState(A, "moved", "1", B), CheckResult("2", f"{B[:-1]}c")).differs_from(
        CheckState(A, "moved", "1", B)
    )


def test_a_registry_tells_by_a_digest_or_by_what_is_not_there() -> None:
    assert is_conclusive(CheckResult("1", A))
    conclusive = {code for code in FAILURES if is_conclusive(CheckResult("1", None, code, "Said."))}
    assert conclusive == {"image_not_found", "registry_denied"}


def test_what_does_not_answer_comes_again_sooner_then_later() -> None:
    day = 86_400.0
    assert wait_seconds("ok", 10, day, 0.5) == day
    waits, been = [], 0.0
    for _ in range(14):
        waits.append(wait_seconds("unreachable", been, day, 0.5))
        been += waits[-1]
    assert waits[:5] == [60, 60, 120, 240, 480]
    assert waits[-1] == day
    assert wait_seconds("unreachable", 0, 5, 0.5) == 5


def test_jitter_is_a_tenth() -> None:
    assert [wait_seconds("missing", 0, 1000, chance) for chance in (0.0, 0.5, 1.0)] == [900, 1000, 1100]


@pytest.mark.parametrize(
    ("text", "expected"), [("0", 0), ("90", 90), (" 15M ", 900), ("12h", 43_200), ("7 d", 604_800)]
)
def test_a_duration(text: str, expected: int) -> None:
    assert seconds(text) == expected


@pytest.mark.parametrize("text", ["", "h", "-1", "1.5h", "1w", "٣", "1h30m"])
def test_no_duration(text: str) -> None:
    with pytest.raises(Invalid, match="write it like"):
        seconds(text)
