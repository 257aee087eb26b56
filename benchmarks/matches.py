"""Matches of one client alone: for kinds of nodes that were never seen, and right after a write."""

import itertools
from collections.abc import Callable
from statistics import median

from benchmarks import content
from benchmarks.floor import Question, timed
from benchmarks.load import Measured, request
from benchmarks.place import Place
from benchmarks.rows import Outcome, Row, at_most

LIMIT = 10
FIRST_NUMBER = 2 * 10**9  # beyond the images of the catalogue and of other rows


def new_kinds(place: Place) -> Outcome:
    """The median of a match for a kind of node that the server never saw before."""
    requests = (
        request("POST", "/v1/docker/match", {"worker": worker, "limit": LIMIT}, authorization=place.authorization)
        for worker in content.new_workers()
    )
    question = Question(requests, connections=1)
    timed(place.server, question, place.size.seconds)
    total = Measured()
    for _ in range(place.size.rounds):
        total.add(timed(place.server, question, place.size.seconds))
    p50 = total.milliseconds(0.5)
    return Outcome(
        p50,
        f"{p50:.2f} ms, p99 {total.milliseconds(0.99):.2f} ms, {total.cpu_milliseconds:.2f} ms of processor time",
    )


def after_a_write(place: Place) -> Outcome:
    """The median of a match right after an image was created, changed or deleted, in turn."""
    numbers = itertools.count(FIRST_NUMBER)
    kinds = itertools.cycle(content.workers())
    seconds = []
    with place.connection() as connection:
        connection.seconds("POST", "/v1/docker/match", {"worker": next(kinds), "limit": LIMIT})
        for _ in range(place.size.samples_of(40 if place.images <= 10_000 else 15)):
            for write in _writes(place, next(numbers)):
                write()
                body = {"worker": next(kinds), "limit": LIMIT}
                seconds.append(connection.seconds("POST", "/v1/docker/match", body))
    p50 = 1000 * median(seconds)
    return Outcome(p50, f"{p50:.2f} ms, at most {1000 * max(seconds):.1f} ms, of {len(seconds)}")


def _writes(place: Place, number: int) -> list[Callable[[], object]]:
    """An image's creation, change and deletion."""
    created = place.client.post("/v1/docker/create", json=content.image(number)).raise_for_status().json()
    path = f"/v1/docker/{created['pk']}"
    return [
        lambda: place.client.patch(path, json={"cuda_version": content.CUDAS[number % 7]}).raise_for_status(),
        lambda: place.client.delete(path).raise_for_status(),
    ]


ROWS = (
    Row(
        "match-new",
        "match, the best 10 for a kind of node never seen, one client: p50",
        "9.5 ms",
        at_most(2, "{:g} ms"),
        new_kinds,
    ),
    Row(
        "match-after-write",
        "match right after a write, one client: p50",
        "350 ms",
        at_most(5, "{:g} ms"),
        after_a_write,
    ),
)

LARGE_ROWS = (
    Row(
        "large-match-new",
        "100,000 images: match for a kind of node never seen: p50",
        "15.6 ms",
        at_most(4, "{:g} ms"),
        new_kinds,
    ),
    Row(
        "large-match-after-write",
        "100,000 images: match right after a write: p50",
        "4.2 s",
        at_most(20, "{:g} ms"),
        after_a_write,
    ),
)

POSTGRESQL_ROWS = (
    Row(
        "postgresql-match",
        "PostgreSQL: match for a kind of node never seen: p50",
        "17.7 ms",
        at_most(3, "{:g} ms"),
        new_kinds,
    ),
)
