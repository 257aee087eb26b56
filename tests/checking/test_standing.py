"""From look to look: pure, so every way is tried."""

import pytest

from bayplan.domain.duration import seconds
from bayplan.domain.standing import Look, Standing, accepted, after, is_told, wait_seconds
from bayplan.errors import Invalid

A, B = f"sha256:{'a' * 64}", f"sha256:{'b' * 64}"
OK = Standing(A, "ok", "1")
FAILURES = {
    "image_not_found": "missing",
    "registry_denied": "denied",
    "registry_unreachable": "unreachable",
    "registry_timeout": "unreachable",
    "manifest_invalid": "unreachable",
    "unknown_key": "unreachable",
}


def test_the_first_look_says_what_the_catalogue_stands_by() -> None:
    assert after(Standing(), Look("1", A)) == OK


def test_it_stands_by_what_it_knew_before() -> None:
    moved = after(Standing(A), Look("1", B))
    assert (moved.digest, moved.state, moved.found, moved.code) == (A, "moved", B, None)
    assert moved.detail is not None
    assert after(moved, Look("2", B)).since == "1"
    assert after(moved, Look("2", A)) == Standing(A, "ok", "2")
    assert accepted(moved, B, "2") == Standing(B, "ok", "2")
    assert accepted(OK, B, "2") == Standing(B, "ok", "1")


@pytest.mark.parametrize(("code", "state"), FAILURES.items())
def test_a_failure_is_a_state_and_forgets_no_digest(code: str, state: str) -> None:
    found = after(OK, Look("2", None, code, "Said."))
    assert found == Standing(A, state, "2", None, code, "Said.")
    assert found.is_news_to(OK)
    assert after(found, Look("3", A)) == Standing(A, "ok", "3")


def test_the_same_again_is_no_news() -> None:
    unreachable = after(OK, Look("2", None, "registry_timeout", "Slow."))
    again = after(unreachable, Look("3", None, "registry_unreachable", "Nobody."))
    assert not again.is_news_to(unreachable)
    assert (again.since, again.code) == ("2", "registry_unreachable")
    assert not after(OK, Look("2", A)).is_news_to(OK)
    assert after(Standing(A, "moved", "1", B), Look("2", f"{B[:-1]}c")).is_news_to(Standing(A, "moved", "1", B))


def test_a_registry_tells_by_a_digest_or_by_what_is_not_there() -> None:
    assert is_told(Look("1", A))
    told = {code for code in FAILURES if is_told(Look("1", None, code, "Said."))}
    assert told == {"image_not_found", "registry_denied"}


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
