"""Answers that are kept: by question, for one version of the catalogue, within a bound."""

import asyncio

import orjson
from starlette.requests import Request
from starlette.types import Message

from bayplan.server.http.responses import Parts, fingerprinted_parts
from bayplan.server.kept_answers import KeptAnswer, KeptAnswers
from bayplan.server.snapshot import json_array
from tests.conftest import Service

FILTER = {"expressions": [{"type": "contains", "field": "name", "sub_string": "a"}]}


def _answer(version: int, size_bytes: int) -> KeptAnswer:
    return KeptAnswer(version, f"{version}", b"x" * size_bytes, {})


def test_an_answer_is_good_for_its_version_only() -> None:
    kept = KeptAnswers()
    kept.keep("question", _answer(3, 10), 10)
    assert kept.get("question", 3) == _answer(3, 10)
    assert kept.get("question", 4) is None
    assert kept.get("another", 3) is None
    kept.keep("question", _answer(4, 20), 10)
    assert kept.get("question", 3) is None
    assert kept.get("question", 4) == _answer(4, 20)


def test_what_was_asked_for_longest_ago_goes_first() -> None:
    kept = KeptAnswers(most_bytes=10_000, most_bytes_each=4_000)
    for name in "abc":
        kept.keep(name, _answer(1, 2_000), 10)
    assert kept.get("a", 1) is not None
    kept.keep("d", _answer(1, 2_000), 10)
    assert {name for name in "abcd" if kept.get(name, 1)} == {"a", "c", "d"}
    assert kept.size_bytes <= 10_000


def test_large_answers_are_not_kept_and_the_same_question_counts_once() -> None:
    kept = KeptAnswers(most_bytes=10_000, most_bytes_each=4_000)
    kept.keep("large", _answer(1, 4_001), 10)
    assert kept.get("large", 1) is None
    for version in range(20):
        kept.keep("same", _answer(version, 3_000), 10)
    assert kept.get("same", 19) is not None
    assert kept.size_bytes < 5_000


def test_a_long_question_counts_like_its_answer() -> None:
    kept = KeptAnswers(most_bytes=10_000, most_bytes_each=4_000)
    kept.keep("too long", _answer(1, 2), 4_000)
    assert kept.get("too long", 1) is None
    for number in range(20):
        kept.keep(number, _answer(1, 2), 2_000)
    assert [number for number in range(20) if kept.get(number, 1)] == [17, 18, 19]
    assert kept.size_bytes <= 10_000


def test_a_list_asked_again_is_the_same_until_something_is_written(service: Service) -> None:
    service.make("docker", name="a1")
    answers = [service.user.post("/v1/docker/list?limit=2", json=FILTER) for _ in range(3)]
    assert {(answer.content, *answer.headers.items()) for answer in answers} == {
        (answers[0].content, *answers[0].headers.items())
    }
    assert answers[0].headers["x-total-count"] == "1"
    again = {"If-None-Match": answers[0].headers["etag"]}
    assert service.user.post("/v1/docker/list?limit=2", json=FILTER, headers=again).status_code == 304
    service.make("docker", name="a2")
    changed = service.user.post("/v1/docker/list?limit=2", json=FILTER, headers=again)
    assert [image["name"] for image in changed.json()] == ["a1", "a2"]


def test_what_one_kind_of_principal_sees_is_not_kept_for_another(service: Service) -> None:
    service.make("docker", registry_username="robot", registry_password="a secret word")
    for _ in range(2):
        assert service.staff.post("/v1/docker/list").json()[0]["registry_password"] == "a secret word"
        assert service.user.post("/v1/docker/list").json()[0]["registry_password"] is None
        assert service.user.post("/v1/users/list").json()[0]["username"] == "casey"
        assert len(service.staff.post("/v1/users/list").json()) == 2


async def _sent(content: bytes | Parts, headers: dict[str, str]) -> tuple[dict[bytes, bytes], list[bytes]]:
    """The headers and the pieces in which an answer is sent."""
    messages: list[Message] = []

    async def send(message: Message) -> None:
        messages.append(message)

    request = Request({"type": "http", "method": "GET", "path": "/", "headers": []})
    answer = await fingerprinted_parts(request, content)
    answer.headers.update(headers)
    await answer({"type": "http"}, _nothing, send)
    return dict(messages[0]["headers"]), [message["body"] for message in messages[1:]]


async def _nothing() -> Message:
    return {"type": "http.request"}


def test_an_answer_in_parts_is_that_of_the_whole() -> None:
    parts = [b"[1", b",2", b",3]"]

    async def work() -> None:
        headers, pieces = await _sent(Parts(parts), {})
        whole_headers, whole = await _sent(b"".join(parts), {})
        assert headers == whole_headers
        assert b"".join(pieces) == b"".join(whole)
        assert pieces[:3] == parts

    asyncio.run(work())


def test_a_long_list_is_joined_in_parts() -> None:
    objects = [b"%d" % number for number in range(25_000)]
    joined = asyncio.run(json_array(objects))
    assert isinstance(joined, Parts)
    assert orjson.loads(b"".join(joined.parts)) == list(range(25_000))
    assert asyncio.run(json_array(objects[:10_000])) == b"[%b]" % b",".join(objects[:10_000])
    assert asyncio.run(json_array([])) == b"[]"
