"""What the filter language refuses: wrong fields, values and options, secrets, and expressions beyond its limits."""

import pytest

from tests.answers import refused
from tests.conftest import Service
from tests.server.http.conftest import A, B, G, names
from tests.server.http.expressions import Expression, all_of, any_of, compare, contains, exact, is_null

WRONG: tuple[tuple[object, str], ...] = (
    (exact("colour", 1), "colour"),
    (exact("registry_password", "x"), "registry_password"),
    (is_null("registry_password"), "registry_password"),
    (exact("creator.password", "x"), "creator.password"),
    (exact("creator.password_hash", "x"), "creator.password_hash"),
    (contains("creator.password_hash", "$argon2"), "creator.password_hash"),
    (exact("framework.colour", 1), "framework.colour"),
    (exact("name.length", 1), "name.length"),
    (exact("framework.pk.x", 1), "framework.pk.x"),
    (exact("__class__", 1), "__class__"),
    (exact("name; DROP TABLE images", 1), "name"),
    (exact("", 1), "field"),
    (exact("name", 1), "value"),
    (exact("name", None), "value"),
    (exact("name", True), "value"),
    (exact("name", ["a"]), "value"),
    (exact("name", {"a": 1}), "value"),
    (exact("cpu", 1), "value"),
    (exact("cpu", "true"), "value"),
    (exact("pk", "1"), "value"),
    (exact("pk", True), "value"),
    (exact("tasks", 1), "value"),
    (exact("creation_time", "yesterday"), "value"),
    (exact("creation_time", 5), "value"),
    (compare("creation_time", ">", "2024-13-45T00:00:00Z"), "value"),
    (contains("name", 1), "sub_string"),  # type: ignore[arg-type]  # wrong on purpose
    (contains("pk", "1"), "pk"),
    (contains("cpu", "t"), "cpu"),
    (compare("name", "=", "x"), "operator"),
    (compare("name", "like", "x"), "operator"),
    (compare("name", ">", 1), "value"),
    (compare("pk", ">", "1"), "value"),
    (compare("min_hardware_generation.min_compute_capability", ">", "8"), "value"),
    ({"type": "exact", "field": "name"}, "value"),
    ({"type": "exact", "value": "x"}, "field"),
    ({"type": "contains", "field": "name"}, "sub_string"),
    ({"type": "regex", "field": "name", "value": "x"}, "type"),
    ({"type": "exact", "field": "name", "value": "x", "flavour": 1}, "flavour"),
    ({"field": "name", "value": "x"}, "type"),
    ({"type": ["exact"], "field": "name", "value": "x"}, "type"),
    (exact("name", "x", invert="yes"), "invert"),  # type: ignore[arg-type]  # wrong on purpose
    (all_of(), "sub_expressions"),
    (any_of(), "sub_expressions"),
    ({"type": "and"}, "sub_expressions"),
    ({"type": "or", "sub_expressions": {}}, "sub_expressions"),
    (any_of(all_of(exact("colour", 1))), "colour"),
    ("name", "expressions.0"),
    (None, "expressions.0"),
)


@pytest.mark.parametrize(("expression", "named"), WRONG, ids=str)
def test_a_wrong_expression_is_refused_where_it_is_wrong(stocked: Service, expression: object, named: str) -> None:
    body = refused(stocked.staff.post("/v1/docker/list", json={"expressions": [expression]}), 422)
    assert body["errors"], body
    assert all(part["field"].startswith("expressions.0") for part in body["errors"]), body
    assert named in str(body["errors"]), body


def test_a_field_that_is_not_there_is_answered_with_those_that_are(stocked: Service) -> None:
    body = refused(stocked.user.post("/v1/docker/list", json={"expressions": [exact("framework.nam", "x")]}), 422)
    for field in ("name", "framework.name", "cuda_version.version", "creator.username", "licence.permissions", "tasks"):
        assert field in body["detail"] + str(body["errors"])
    assert "password" not in body["detail"] + str(body["errors"])


@pytest.mark.parametrize(
    ("specification", "named"),
    [
        ({"expressions": {}}, "expressions"),
        ({"expressions": None}, "expressions"),
        ({"order_by": "name"}, "order_by"),
        ({"order_by": [{"field": "colour"}]}, "order_by.0.field"),
        ({"order_by": [{"field": "registry_password"}]}, "order_by.0.field"),
        ({"order_by": [{"field": "creator.password_hash"}]}, "order_by.0.field"),
        ({"order_by": [{"field": "name", "ascending": "no"}]}, "order_by.0.ascending"),
        ({"order_by": [{"field": "name", "nulls_first": 1}]}, "order_by.0.nulls_first"),
        ({"order_by": [{"ascending": True}]}, "order_by.0.field"),
        ({"order_by": [{"field": "name", "direction": "up"}]}, "order_by.0.direction"),
        ({"include_inactive": "yes"}, "include_inactive"),
        ({"filters": []}, "filters"),
    ],
    ids=str,
)
def test_a_wrong_specification_is_refused_where_it_is_wrong(
    stocked: Service, specification: dict[str, object], named: str
) -> None:
    refused(stocked.staff.post("/v1/docker/list", json=specification), 422, field=named)


def nested(levels: int) -> Expression:
    """An expression of so many levels."""
    expression = exact("cpu", True)
    for _ in range(levels - 1):
        expression = all_of(expression)
    return expression


def test_32_levels_are_read_and_33_refused(stocked: Service) -> None:
    assert names(stocked, nested(32)) == [B, G]
    refused(stocked.staff.post("/v1/docker/list", json={"expressions": [nested(33)]}), 422)


def test_1000_expressions_are_read_and_1001_refused(stocked: Service) -> None:
    assert names(stocked, *[exact("name", A)] * 1000) == [A]
    refused(stocked.staff.post("/v1/docker/list", json={"expressions": [exact("name", A)] * 1001}), 422)
    assert names(stocked, any_of(*[exact("name", A)] * 999)) == [A]
    refused(stocked.staff.post("/v1/docker/list", json={"expressions": [any_of(*[exact("name", A)] * 1000)]}), 422)


def test_a_path_of_more_than_4_dots_is_refused_at_once(stocked: Service) -> None:
    for path in ("a.b.c.d.e.f", "framework." * 100_000 + "name"):
        refused(stocked.staff.post("/v1/docker/list", json={"expressions": [exact(path, 1)]}), 422)


@pytest.mark.parametrize("field", ["password", "password_hash", "token_epoch"])
def test_secrets_of_users_are_on_no_list_not_even_for_staff(stocked: Service, field: str) -> None:
    for specification in (
        {"expressions": [contains(field, "$argon2id$")]},
        {"expressions": [is_null(field)]},
        {"order_by": [{"field": field}]},
    ):
        refused(stocked.staff.post("/v1/users/list", json=specification), 422)
