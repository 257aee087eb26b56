"""Rules for prefetching: what their filters may name, how a bad one is refused, and that nothing is guessed."""

from typing import Any

import pytest

from tests import catalogue
from tests.answers import refused
from tests.conftest import Service

Expression = dict[str, Any]
EVERYTHING: Expression = {"expressions": [], "order_by": []}


def exact(field: str, value: object) -> Expression:
    return {"type": "exact", "field": field, "value": value}


WRONG: tuple[tuple[str, Expression, str, str], ...] = (
    ("images", {"expressions": [exact("colour", "red")]}, "images.expressions.0.field", "unknown_field"),
    ("images", {"expressions": [exact("registry_password", "x")]}, "images.expressions.0.field", "unknown_field"),
    ("images", {"expressions": [exact("registry_username", "x")]}, "images.expressions.0.field", "unknown_field"),
    ("images", {"expressions": [exact("creator.email", "x")]}, "images.expressions.0.field", "unknown_field"),
    ("images", {"expressions": [exact("cpu", "yes")]}, "images.expressions.0.value", "wrong_type"),
    ("images", {"order_by": [{"field": "tasks"}]}, "images.order_by.0.field", "not_ordered"),
    ("images", {"order_by": [{"field": "colour"}]}, "images.order_by.0.field", "unknown_field"),
    ("images", {"expressions": [{"type": "exact", "field": "name"}]}, "images.expressions.0.value", "missing"),
    ("images", {"include_inactive": True}, "images.include_inactive", "unknown_field"),
    ("nodes", {"expressions": [exact("name", "x")]}, "nodes.expressions.0.field", "unknown_field"),
    (
        "nodes",
        {
            "expressions": [
                {"type": "or", "sub_expressions": [exact("ip", "x"), {"type": "is_null", "field": "last_seen"}]}
            ]
        },
        "nodes.expressions.0.sub_expressions.1.field",
        "wrong_field",
    ),
    ("nodes", {"order_by": [{"field": "last_seen"}]}, "nodes.order_by.0.field", "wrong_field"),
)


@pytest.mark.parametrize(("part", "specification", "field", "code"), WRONG, ids=str)
def test_a_filter_is_checked_when_it_is_written(
    shared: Service, part: str, specification: Expression, field: str, code: str
) -> None:
    made = shared.make("prefetch")
    body = catalogue.prefetch(**{part: specification})
    for method, path in (("POST", "create"), ("PUT", made["pk"])):
        refused(shared.staff.request(method, f"/v1/prefetch/{path}", json=body), 422, code, field)
    refused(shared.staff.patch(f"/v1/prefetch/{made['pk']}", json={part: specification}), 422, code, field)
    assert shared.staff.get(f"/v1/prefetch/{made['pk']}").json() == made


def test_a_filter_is_given_back_as_it_was_sent_in_the_specified_names(shared: Service) -> None:
    sent = {"expressions": [{"type": "contains", "field": "name", "value": "torch", "invert": True}]}
    made = shared.make("prefetch", images=sent)
    kept = {"type": "contains", "field": "name", "sub_string": "torch", "invert": True}
    assert made["images"] == {"expressions": [kept], "order_by": []}


def test_a_rule_is_for_all_nodes_unless_it_says_for_which(shared: Service) -> None:
    body = catalogue.prefetch()
    del body["nodes"]
    made = shared.staff.post("/v1/prefetch/create", json=body)
    assert made.json()["nodes"] == EVERYTHING
    del body["images"]
    refused(shared.staff.post("/v1/prefetch/create", json=body), 422, "missing", "images")


def test_a_large_filter_is_taken(shared: Service) -> None:
    images = {"expressions": [{"type": "or", "sub_expressions": [exact("name", f"image-{n}") for n in range(900)]}]}
    assert len(shared.make("prefetch", images=images)["images"]["expressions"][0]["sub_expressions"]) == 900


@pytest.mark.parametrize("field", ["nodes", "images", "images.expressions"])
def test_rules_are_not_filtered_by_their_filters(shared: Service, field: str) -> None:
    shared.make("prefetch")
    body = {"expressions": [{"type": "is_null", "field": field}]}
    refused(shared.staff.post("/v1/prefetch/list", json=body), 422, "unknown_field", "expressions.0.field")
    named = shared.make("prefetch")["name"]
    rules = shared.staff.post("/v1/prefetch/list", json={"expressions": [exact("name", named)]}).json()
    assert [rule["name"] for rule in rules] == [named]
