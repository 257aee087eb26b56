"""The example catalogue and fleet: they apply to a real server unchanged, and every worker gets an answer."""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import httpx2
import pytest

from bayplan.cli.document.read import read
from tests.process import Server

EXAMPLES = Path(__file__).parents[1] / "examples"
Body = dict[str, Any]


def document(name: str) -> Body:
    """An example file's content, read as the command line reads it."""
    path = EXAMPLES / name
    return read(path.name, path.read_text(encoding="utf-8")).content()


def apply(client: httpx2.Client, body: Body) -> Body:
    """Applies a document; gives the server's answer."""
    answer = client.post("/v1/catalogue/apply", json=body)
    assert answer.status_code == 200, answer.text
    plan: Body = answer.json()
    return plan


@pytest.fixture(scope="module")
def client(start_server: Callable[..., AbstractContextManager[Server]]) -> Iterator[httpx2.Client]:
    """A client of a real server to which both examples were applied."""
    with start_server() as server, server.client() as client:
        for name in ("catalogue.yaml", "fleet.yaml"):
            content = document(name)
            plan = apply(client, content)
            assert plan["applied"] is True
            assert Counter(change["action"] for change in plan["changes"]) == {"add": sum(map(len, content.values()))}
        yield client


def test_there_are_many() -> None:
    """The catalogue has more than 40 images over all five domains, and the fleet more than a dozen workers."""
    images = document("catalogue.yaml")["images"]
    assert len(images) >= 40
    assert {image["domain"] for image in images} == {"ic", "is", "od", "sc", "sp"}
    families = {image["cuda_version"].partition(".")[0] for image in images if image["cuda_version"]}
    assert families == {"9", "10", "11", "12", "13"}
    assert len(document("fleet.yaml")["nodes"]) >= 12


@pytest.mark.parametrize("name", ["catalogue.yaml", "fleet.yaml"])
def test_applying_again_changes_nothing(client: httpx2.Client, name: str) -> None:
    """The second time there is nothing to do."""
    content = document(name)
    plan = apply(client, content)
    assert plan["changes"] == []
    assert plan["unchanged"] == sum(map(len, content.values()))


def test_what_is_exported_is_what_was_applied(client: httpx2.Client) -> None:
    """The export has as many objects as the files, and applying it changes nothing."""
    exported = client.get("/v1/catalogue/export").json()
    assert len(exported["images"]) == len(document("catalogue.yaml")["images"])
    assert len(exported["nodes"]) == len(document("fleet.yaml")["nodes"])
    assert apply(client, exported)["changes"] == []


def test_every_worker_gets_an_answer(client: httpx2.Client) -> None:
    """For each worker every image is either a match or rejected with reasons; each has something that it can run."""
    images = len(document("catalogue.yaml")["images"])
    nodes = client.post("/v1/nodes/list").json()
    assert len(nodes) == len(document("fleet.yaml")["nodes"])
    for node in nodes:
        answer = client.post("/v1/docker/match", json={"node": node["pk"], "explain": True})
        assert answer.status_code == 200, answer.text
        body = answer.json()
        assert body["considered"] == images == len(body["matches"]) + len(body["rejected"])
        assert body["matches"], node["ip"]
        assert all(row["reasons"] for row in body["rejected"])
        grades = {match["grade"] for match in body["matches"]}
        assert grades <= {"native", "minor", "forward", "cpu"}
        if node["driver_version"] is None:
            assert grades == {"cpu"}
