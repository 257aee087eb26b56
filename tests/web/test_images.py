"""The list of images and the page of one: what they show agrees with the API, and their addresses can be sent to somebody."""

import re
from html import unescape

import pytest

from tests.process import Server
from tests.web.conftest import PageClient

_ROW = re.compile(r'<th scope="row"><a href="/images/(\d+)">')
_NODES = re.compile(r'<td class="number">(?:(\d[\d,]*) nodes?|<span class="badge tone-bad">.*?)</td>\n<td><bdi>')


def keys(text: str) -> list[int]:
    """The keys of the images that a page lists, in its order."""
    return [int(pk) for pk in _ROW.findall(text)]


def test_all_images_are_listed_with_the_number_of_nodes_that_run_each(site: Server, as_user: PageClient) -> None:
    shown = as_user.get("/images").text
    with site.client() as api:
        images = api.post("/v1/docker/list").json()
        matrix = api.post("/v1/docker/matrix", json={}).json()
    assert sorted(keys(shown)) == sorted(image["pk"] for image in images)
    sizes = {kind["kind"]: len(kind["nodes"]) for kind in matrix["kinds"]}
    members = {group["group"]: group["images"] for group in matrix["groups"]}
    running = {image["pk"]: 0 for image in images}
    for verdict in matrix["verdicts"]:
        if verdict["grade"] in ("native", "minor", "forward", "cpu"):
            for pk in members[verdict["group"]]:
                running[pk] += sizes[verdict["kind"]]
    assert dict(zip(keys(shown), [int(number or 0) for number in _NODES.findall(shown)], strict=True)) == running
    assert keys(as_user.get("/images?sort=-nodes").text)[0] == max(keys(shown), key=lambda pk: running[pk])


@pytest.mark.parametrize(
    ("address", "filters"),
    [
        ("/images?framework=pytorch", {"framework.name": "PyTorch"}),
        ("/images?framework=PyTorch+2.4.1", {"framework.name": "PyTorch", "framework.version": "2.4.1"}),
        ("/images?framework=PyTorch&domain=od", {"framework.name": "PyTorch", "domain": "od"}),
        ("/images?task=export", {"tasks": "export"}),
        ("/images?cuda=12.4.1&task=train", {"cuda_version.full_version": "12.4.1", "tasks": "train"}),
    ],
)
def test_facets_are_the_filters_of_the_api(
    site: Server, as_user: PageClient, address: str, filters: dict[str, str]
) -> None:
    expressions = [{"type": "exact", "field": name, "value": value} for name, value in filters.items()]
    with site.client() as api:
        expected = api.post("/v1/docker/list", json={"expressions": expressions})
    shown = as_user.get(address).text
    assert expected.status_code == 200, expected.text
    assert sorted(keys(shown)) == sorted(image["pk"] for image in expected.json())
    assert keys(shown)


def test_the_number_beside_a_value_is_what_choosing_it_gives(as_user: PageClient) -> None:
    shown = as_user.get("/images?q=cu&task=train").text
    options = re.findall(
        r'<li><a href="(/images\?[^"]*)"(?: aria-current="true")?><bdi>[^<]*</bdi> <small>(\d+)', shown
    )
    assert len(options) > 10
    for address, number in options[::4]:
        if "task=train" in address:
            assert len(keys(as_user.get(unescape(address)).text)) == int(number), address


def test_a_search_has_every_word_and_any_case(as_user: PageClient) -> None:
    everything = as_user.get("/images").text
    both = as_user.get("/images?q=CUDNN9+PyTorch").text
    assert set(keys(both)) < set(keys(everything))
    assert all("cudnn9" in row for row in re.findall(r"<th scope=\"row\">.*?</th>", both))
    assert 'value="CUDNN9 PyTorch"' in both


def test_a_list_that_is_empty_says_how_to_go_on(as_user: PageClient) -> None:
    nothing = as_user.get("/images?framework=no-such-framework")
    assert nothing.status_code == 200
    assert "No image is like that" in nothing.text
    assert "Framework: <bdi>no-such-framework</bdi>" in nothing.text
    assert "The list ends before this page" in as_user.get("/images?offset=10000").text
    wrong = as_user.get("/images?sort=colour")
    assert wrong.status_code == 422
    assert "name" in wrong.text


def test_hostile_values_of_a_view_are_text(as_user: PageClient) -> None:
    hostile = '"><script>alert(1)</script>\N{RIGHT-TO-LEFT EMBEDDING}'.rstrip("\N{RIGHT-TO-LEFT EMBEDDING}")
    shown = as_user.http.get("/images", params={"q": hostile, "domain": hostile}, headers={"Accept": "text/html"})
    assert shown.status_code == 200
    assert "<script>alert" not in shown.text
