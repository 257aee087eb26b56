"""Creations, changes and deletions of images, each answered after its commit."""

import itertools
from collections.abc import Iterator

from benchmarks import content
from benchmarks.floor import Question, timed
from benchmarks.load import Measured, Requests, request
from benchmarks.place import Place
from benchmarks.rows import Outcome, Row, at_least

CLIENTS = 8
FIRST_NUMBER = 10**9  # beyond the images of the catalogue
TARGET = at_least(1_000, "{:,.0f}/s")
TODAY = "220 to 380/s"

_numbers = itertools.count(FIRST_NUMBER)


def create(place: Place) -> Outcome:
    """Images created in a second."""
    return _rate(place, _creations(place), 201)


def change(place: Place) -> Outcome:
    """Images changed in a second: each time another image, and a field that the judge reads."""
    pks = itertools.cycle(place.pks)
    cudas = (cuda for cuda in itertools.cycle(content.CUDAS) for _ in place.pks)
    requests = (
        request("PATCH", f"/v1/docker/{pk}", {"cuda_version": cuda}, authorization=place.authorization)
        for pk, cuda in zip(pks, cudas, strict=False)
    )
    return _rate(place, requests, 200)


def delete(place: Place) -> Outcome:
    """Images deleted in a second, as many as there are."""
    pks = [item["pk"] for item in place.client.post("/v1/docker/list").json()]
    authorization = place.authorization
    return _rate(place, (request("DELETE", f"/v1/docker/{pk}", authorization=authorization) for pk in pks), 204)


def _creations(place: Place) -> Iterator[bytes]:
    for number in _numbers:
        yield request("POST", "/v1/docker/create", content.image(number), authorization=place.authorization)


def _rate(place: Place, requests: Requests, status: int) -> Outcome:
    question = Question(requests, status, connections=CLIENTS, generators=1)
    total = Measured()
    for _ in range(place.size.rounds):
        total.add(timed(place.server, question, place.size.seconds))
    return Outcome(
        total.rate,
        f"{total.rate:,.0f}/s, {total.cpu_milliseconds:.2f} ms of processor time, "
        f"p50 {total.milliseconds(0.5):.1f} ms, p99 {total.milliseconds(0.99):.1f} ms",
    )


ROWS = (
    Row("write-create", "create an image, 8 clients, each answered after the commit", TODAY, TARGET, create),
    Row("write-change", "change an image, the same way", TODAY, TARGET, change),
    Row("write-delete", "delete an image, the same way", TODAY, TARGET, delete),
)
