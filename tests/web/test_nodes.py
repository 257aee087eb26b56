"""The pages of nodes: who is chosen by the fields, and what runs on one as the API says it."""

import re
from html import unescape

import pytest

from tests.process import Server
from tests.web.conftest import PageClient


def links(page: str, path: str) -> list[int]:
    """The keys of the objects that a page links to."""
    return [int(pk) for pk in re.findall(rf'href="{path}/(\d+)"', page)]


@pytest.mark.parametrize(
    ("query", "name"),
    [
        ("gpu=l4", "l4.example.org"),
        ("driver=535.104.05&gpu=a100", "a100.example.org"),
        ("generation=volta", "v100.example.org"),
        ("host=K80", "k80.example.org"),
        ("driver=525", "t4.example.org"),
    ],
)
def test_the_fields_choose_nodes(as_user: PageClient, query: str, name: str) -> None:
    page = as_user.get(f"/nodes?{query}").text
    assert f"{name}#0" in page
    assert len(links(page, "/nodes")) == 1


@pytest.mark.parametrize("query", ["gpu=l4", "driver=<550", "label=zone", "label=!zone,zone!=a"])
def test_they_choose_what_the_same_fields_of_the_matrix_choose(as_user: PageClient, query: str) -> None:
    nodes, matrix = (as_user.get(f"{path}?{query}").text for path in ("/nodes", "/matrix"))
    (number,) = re.findall(r"on ([0-9]+) nodes? of", matrix) or ["0"]
    assert len(links(nodes, "/nodes")) == int(number)


def test_the_list_is_sorted_and_has_all_kinds(as_user: PageClient, site: Server) -> None:
    with site.client() as client:
        order = [{"field": "driver_version", "ascending": False}]
        nodes = [node["pk"] for node in client.post("/v1/nodes/list", json={"order_by": order}).json()]
        kinds = [kind["kind"] for kind in client.post("/v1/docker/matrix", json={}).json()["kinds"]]
    page = as_user.get("/nodes?sort=-driver").text
    assert links(page, "/nodes") == nodes
    assert re.findall(r'href="/ask\?kind=([0-9a-f]+)"', page) == kinds


@pytest.mark.parametrize(("query", "field"), [("driver=new", "driver"), ("label=-%20x", "label")])
def test_a_value_that_means_nothing_is_an_error(as_user: PageClient, query: str, field: str) -> None:
    page = as_user.get(f"/nodes?{query}")
    assert page.status_code == 422
    assert f'id="{field}-mistake"' in page.text


def test_a_node_has_what_the_api_says_of_it(as_user: PageClient, site: Server) -> None:
    with site.client() as client:
        request = {"node": 6, "limit_per_framework": 3, "explain": True}
        answer = client.post("/v1/docker/match", json=request).json()
    page = as_user.get("/nodes/6").text
    shown = {*links(page.partition('<h2 id="upgrades">')[0], "/images")}
    assert shown == {item["image"]["pk"] for item in (*answer["matches"], *answer["rejected"])}
    for line in answer["summary"]:
        assert (line["remedy"] or "") in unescape(page)
    assert as_user.get("/nodes/999").status_code == 404


def test_hostile_names_are_harmless(site: Server, as_user: PageClient) -> None:
    with site.client() as client:
        body = {
            "ip": "hostile.example.org",
            "index": 0,
            "gpu_name": "<script>alert(1)</script>",
            "driver_version": "550",
        }
        pk = client.post("/v1/nodes/create", json=body).json()["pk"]
        try:
            for address in ("/nodes", f"/nodes/{pk}", f"/ask?node={pk}"):
                page = as_user.get(address)
                assert page.status_code == 200
                assert "<script>alert" not in page.text
        finally:
            client.delete(f"/v1/nodes/{pk}").raise_for_status()
