"""Ranges of numbers as regular expressions."""

import re

import pytest

from bayplan.exports.number_patterns import number_pattern


@pytest.mark.parametrize(
    ("low", "high"),
    [
        *((0, None), (1, None), (5, None), (14, None), (19, None), (99, None), (100, None)),
        *((0, 0), (0, 9), (0, 13), (7, 7), (3, 120), (14, 15), (10, 99), (95, 105), (0, 999), (199, 201)),
    ],
)
def test_a_pattern_takes_the_numbers_of_its_range_and_nothing_else(low: int, high: int | None) -> None:
    pattern = re.compile(number_pattern(low, high))
    for number in range(1300):
        is_within = low <= number and (high is None or number <= high)
        for text in (str(number), f"0{number}"):
            assert bool(pattern.search(text)) == is_within, text
    for text in ("", "x", "1.5", "-1", " 5", "5 "):
        assert pattern.search(text) is None
