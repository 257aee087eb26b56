"""Reads and heartbeats, each beside the bare server with the same bytes."""

from collections.abc import Callable

from benchmarks import content
from benchmarks.floor import Question, beside
from benchmarks.load import by_turns, request
from benchmarks.place import Place
from benchmarks.rows import Outcome, Row, at_least

BY_FRAMEWORK = [
    {"type": "exact", "field": f"framework.{field}", "value": value}
    for field, value in zip(("name", "version"), content.RARE.split(), strict=True)
]
BY_TASK = [{"type": "exact", "field": "tasks", "value": "export"}]
PAGE = 1_000


def load(place: Place) -> Question:
    """Images by pk, a thousand in turn."""
    return Question(by_turns(request("GET", f"/v1/docker/{pk}", authorization=place.authorization) for pk in place.pks))


def not_modified(place: Place) -> Question:
    """Images by pk, of which the client has the present state."""
    tags = {pk: place.client.get(f"/v1/docker/{pk}").headers["etag"] for pk in place.pks[:200]}
    requests = by_turns(
        request("GET", f"/v1/docker/{pk}", authorization=place.authorization, if_none_match=tag)
        for pk, tag in tags.items()
    )
    return Question(requests, status=304)


def filtered(*expressions: object) -> Callable[[Place], Question]:
    """The same filter each time."""

    def question(place: Place) -> Question:
        body = {"expressions": expressions}
        return Question(by_turns([request("POST", "/v1/docker/list", body, authorization=place.authorization)]))

    return question


def different_filters(place: Place) -> Question:
    """997 filters in turn."""
    return Question(
        by_turns(
            request("POST", "/v1/docker/list", body, authorization=place.authorization) for body in content.filters()
        )
    )


def pages(place: Place) -> Question:
    """The pages of a thousand images, in turn."""
    paths = [f"/v1/docker/list?limit={PAGE}&offset={offset}" for offset in range(0, max(1, place.images - PAGE), PAGE)]
    authorization = place.authorization
    return Question(
        by_turns(request("POST", path, authorization=authorization, content_length="0") for path in paths),
        connections=4,
    )


def whole_list(place: Place) -> Question:
    """All images in one answer."""
    requests = by_turns(
        [request("POST", "/v1/docker/list", authorization=place.authorization, content_length="0")],
    )
    return Question(requests, connections=4)


def heartbeats(place: Place) -> Question:
    """Heartbeats of a thousand nodes in turn."""
    return Question(
        by_turns(
            request("GET", "/v1/nodes/ping", authorization=place.authorization, node_id=str(pk))
            for pk in place.node_pks
        )
    )


def measured(question: Callable[[Place], Question]) -> Callable[[Place], Outcome]:
    """The question as a share of the bare server."""
    return lambda place: beside(place.server, question(place), place.size).outcome


def heartbeat_rate(place: Place) -> Outcome:
    """Heartbeats in a second."""
    result = beside(place.server, heartbeats(place), place.size)
    return Outcome(result.ours.rate, result.outcome.measured, result.outcome.floor)


ROWS = (
    Row("load", "load by pk", "13 to 16% of bare", at_least(0.30), measured(load)),
    Row("not-modified", "conditional load (304)", "10 to 13% of bare", at_least(0.20), measured(not_modified)),
    Row(
        "filter-framework",
        "filter that finds 20 images, the same one each time, by framework",
        "9% of bare",
        at_least(0.20),
        measured(filtered(*BY_FRAMEWORK)),
    ),
    Row(
        "filter-task",
        "filter that finds 20 images, the same one each time, by task",
        "4% of bare",
        at_least(0.20),
        measured(filtered(*BY_TASK)),
    ),
    Row(
        "filters-different",
        "997 different filters, each for a CUDA release, a framework, a domain and a task",
        "746/s, 2.1% of bare",
        at_least(0.064, "3 times that: {:.1%} of bare"),
        measured(different_filters),
    ),
    Row("page", "page of 1,000", "1.4% of bare", at_least(0.45), measured(pages)),
    Row("list", "list of all 10,000", "0.6% of bare", at_least(0.60), measured(whole_list)),
    Row(
        "heartbeat",
        "heartbeats of 1,000 nodes, 16 clients",
        "2,750 to 4,500/s",
        at_least(5_000, "{:,.0f}/s"),
        heartbeat_rate,
    ),
)

POSTGRESQL_ROWS = (
    Row("postgresql-load", "PostgreSQL: load by pk", "620/s", at_least(0.25), measured(load)),
    Row(
        "postgresql-filter",
        "PostgreSQL: filter that finds 20 images, by framework",
        "424/s",
        at_least(0.15),
        measured(filtered(*BY_FRAMEWORK)),
    ),
)
