"""Properties that are computed once."""

from dataclasses import dataclass

import pytest

from bayplan.domain.once import once


@dataclass(frozen=True)
class Circle:
    """Counts how often its area is computed."""

    radius: int
    computed: list[int]

    @once
    def area(self) -> int:
        """Three times the square of its radius."""
        self.computed.append(self.radius)
        if self.radius < 0:
            raise ValueError("no circle")
        return 3 * self.radius**2


def test_a_value_is_computed_once_for_each_object_and_no_value_is_kept_of_a_failure() -> None:
    computed: list[int] = []
    two, three, none = Circle(2, computed), Circle(3, computed), Circle(-1, computed)
    assert [two.area, two.area, three.area] == [12, 12, 27]
    assert computed == [2, 3]
    for _ in range(2):
        with pytest.raises(ValueError, match="no circle"):
            _ = none.area
    assert computed == [2, 3, -1, -1]
    assert Circle.area.__doc__ == "Three times the square of its radius."
