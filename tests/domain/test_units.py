"""Amounts as people read them, one way everywhere."""

import pytest

from bayplan.domain import units


@pytest.mark.parametrize(
    ("size_bytes", "text"),
    [
        (0, "0 bytes"),
        (999, "999 bytes"),
        (1_000, "1 kB"),
        (10_600, "11 kB"),
        (1_000_000, "1.0 MB"),
        (2_550_000_000, "2.5 GB"),
        (1_234_000_000_000, "1234.0 GB"),
    ],
)
def test_a_size_is_of_1000(size_bytes: int, text: str) -> None:
    assert units.size(size_bytes) == text


def test_a_memory_is_of_1024() -> None:
    assert units.memory(51527024640) == "48 GiB"


@pytest.mark.parametrize(
    ("passed_seconds", "text"),
    [(-3, "just now"), (59.9, "just now"), (60, "1 minute ago"), (7_199, "1 hour ago"), (400 * 86_400, "400 days ago")],
)
def test_how_long_ago_is_in_the_largest_unit(passed_seconds: float, text: str) -> None:
    assert units.ago(passed_seconds) == text
