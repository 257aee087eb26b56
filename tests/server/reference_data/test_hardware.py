"""GPU generations: their ranges of compute capability, and which generation a capability belongs to."""

import itertools

import pytest

from tests import catalogue
from tests.answers import refused
from tests.conftest import Service

RANGE = ("min_compute_capability", "max_compute_capability")


def test_the_shipped_ranges_do_not_overlap(shared: Service) -> None:
    rows = sorted(shared.user.post("/v1/hardware/list").json(), key=lambda row: float(row[RANGE[0]]))
    for row in rows:
        assert row[RANGE[0]] < row[RANGE[1]]
    for before, after in itertools.pairwise(rows):
        assert before[RANGE[1]] <= after[RANGE[0]]


WRONG = (
    (8.0, 8.0),
    (8.5, 8.0),
    (50.5, 50.0),
    (7.9, 8.05),
    (8.2, 8.4),
    (1.0, 60.0),
    (-1.0, 0.5),
    ("8.0", 8.9),
    (None, 8.9),
    (True, 8.9),
)


@pytest.mark.parametrize(("low", "high"), WRONG, ids=str)
def test_a_range_that_is_empty_inverted_or_overlapping_is_refused(shared: Service, low: object, high: object) -> None:
    body = catalogue.hardware(min_compute_capability=low, max_compute_capability=high)
    problem = refused(shared.staff.post("/v1/hardware/create", json=body), 422)
    assert {part["field"] for part in problem["errors"]} & set(RANGE)


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e400", "-1e400"])
@pytest.mark.parametrize("field", RANGE)
def test_a_range_that_is_not_finite_is_refused(shared: Service, field: str, number: str) -> None:
    ends = {RANGE[0]: "50.0", RANGE[1]: "51.0", field: number}
    content = '{"generation": "X", ' + ", ".join(f'"{name}": {end}' for name, end in ends.items()) + "}"
    answer = shared.staff.post("/v1/hardware/create", content=content, headers={"Content-Type": "application/json"})
    assert answer.status_code in (400, 422), answer.text
    refused(answer, answer.status_code)


def test_ranges_may_touch(shared: Service) -> None:
    low = shared.make("hardware", min_compute_capability=200.0, max_compute_capability=201.0)
    high = shared.make("hardware", min_compute_capability=201.0, max_compute_capability=202.0)
    assert low[RANGE[1]] == high[RANGE[0]]
    answer = shared.staff.patch(f"/v1/hardware/{low['pk']}", json={"max_compute_capability": 201.5})
    assert {part["field"] for part in refused(answer, 422)["errors"]} & set(RANGE)
    assert shared.staff.patch(f"/v1/hardware/{low['pk']}", json={"generation": "Touching"}).status_code == 200


def test_an_int_is_a_float_too(shared: Service) -> None:
    made = shared.make("hardware", min_compute_capability=300, max_compute_capability=301)
    assert (made[RANGE[0]], made[RANGE[1]]) == (300.0, 301.0)


BELONGS = (
    ("2.0", "Fermi"),
    ("3.5", "Kepler"),
    ("5.2", "Maxwell"),
    ("6.1", "Pascal"),
    ("7.0", "Volta"),
    ("7.2", "Volta"),
    ("7.5", "Turing"),
    ("8.0", "Ampere"),
    ("8.6", "Ampere"),
    ("8.7", "Ampere"),
    ("8.9", "Ada Lovelace"),
    ("9.0", "Hopper"),
    ("10.0", "Blackwell"),
    ("10.3", "Blackwell"),
    ("10.7", "Rubin"),
    ("11.0", "Blackwell"),
    ("12.0", "Blackwell"),
    ("12.1", "Blackwell"),
)


@pytest.mark.parametrize(("compute", "generation"), BELONGS)
def test_a_capability_is_found_its_generation(shared: Service, compute: str, generation: str) -> None:
    answer = shared.user.get(f"/v1/hardware/get-hardware-generation/{compute}")
    assert answer.status_code == 200
    assert answer.json()["generation"].startswith(generation)
    assert answer.json() == shared.user.get(f"/v1/hardware/{answer.json()['pk']}").json()


@pytest.mark.parametrize(
    ("compute", "status"),
    [("99.0", 404), ("0.5", 404), ("eight", 422), ("NaN", 422), ("inf", 422), ("1e400", 422), ("-8.0", 422)],
)
def test_a_capability_of_no_generation_is_an_error(shared: Service, compute: str, status: int) -> None:
    answer = shared.user.get(f"/v1/hardware/get-hardware-generation/{compute}")
    assert answer.status_code in (404, 422)
    refused(answer, status)
