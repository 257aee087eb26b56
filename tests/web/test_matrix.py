"""The matrix: what the API says, by its page, its cells and its files; filters; a fleet of many groups and kinds."""

import csv
import io
import re
from html import unescape
from itertools import pairwise

import pytest
from playwright.sync_api import Page

from bayplan.exports.docker_run import RUNS
from tests.process import Server
from tests.web.conftest import PageClient
from tests.web.test_every_page import MOST_BYTES, Elements

CELL = re.compile(r'<td><a class="grade-(\w+)" href="/matrix/(\w+)/(\w+)">(.*?)</a></td>')
FILES = {"svg": "image/svg+xml", "csv": "text/csv; charset=utf-8", "md": "text/markdown; charset=utf-8"}


def cells(page: str) -> dict[tuple[str, str], str]:
    """The grades of the cells on a page, by group and kind; each cell has its word and its colour."""
    found = {}
    for colour, group, kind, text in CELL.findall(page):
        assert text.split() == [text.split()[0], colour]
        found[group, kind] = colour
    return found


def test_it_says_what_the_api_says(site: Server, as_user: PageClient) -> None:
    with site.client() as api:
        answer = api.post("/v1/docker/matrix", json={}).json()
    page = as_user.get("/matrix").text
    assert cells(page) == {(each["group"], each["kind"]): each["grade"] for each in answer["verdicts"]}
    sizes = {kind["kind"]: len(kind["nodes"]) for kind in answer["kinds"]}
    for group in answer["groups"]:
        on = sum(
            sizes[each["kind"]]
            for each in answer["verdicts"]
            if each["group"] == group["group"] and each["grade"] in RUNS
        )
        before, _, after = page.partition(f'href="/matrix/{group["group"]}/')
        total = re.findall(r'<td class="total( stranded)?">(.*?)</td>', before)[-1]
        assert total == (("", f"{on} of {sum(sizes.values())}") if on else (" stranded", "! no node"))
        assert after


def test_a_cell_leads_to_its_reasons_and_remedies(site: Server, as_user: PageClient) -> None:
    with site.client() as api:
        answer = api.post("/v1/docker/matrix", json={}).json()
        groups = {group["group"]: group["images"] for group in answer["groups"]}
        kinds = {kind["kind"]: kind["nodes"] for kind in answer["kinds"]}
        some = next(each for each in answer["verdicts"] if each["grade"] == "no")
        pk, node = groups[some["group"]][0], kinds[some["kind"]][0]
        judged = api.get(f"/v1/docker/{pk}/nodes").json()["nodes"]
    verdict = next(each for each in judged if each["node"]["pk"] == node)
    page = unescape(as_user.get(f"/matrix/{some['group']}/{some['kind']}").text)
    assert {reason["code"] for reason in verdict["reasons"]} == set(some["codes"]) != set()
    for reason in verdict["reasons"]:
        assert f"<code>{reason['code']}</code>" in page
        assert reason["detail"] in page
        assert (reason["remedy"] or "") in page
    assert re.search(r"<dt>gpu memory</dt><dd><bdi>[0-9.]+ GiB<", page)
    for image in groups[some["group"]]:
        assert f'href="/images/{image}"' in page
    for number in kinds[some["kind"]]:
        assert f'href="/nodes/{number}"' in page


@pytest.mark.parametrize("address", ["/matrix/no/such", "/matrix/%3Cscript%3E/x", "/matrix/123456789012/210987654321"])
def test_a_cell_that_there_is_not_says_where_the_others_are(as_user: PageClient, address: str) -> None:
    answer = as_user.get(address)
    assert answer.status_code == 404
    assert "The matrix has the groups that there are." in answer.text


def test_the_files_are_the_matrix_and_follow_its_filters(as_user: PageClient) -> None:
    for ending, media_type in FILES.items():
        file = as_user.get(f"/matrix.{ending}")
        assert file.headers["content-type"] == media_type
        assert file.headers["content-disposition"] == f'attachment; filename="matrix.{ending}"'
    whole = list(csv.reader(io.StringIO(as_user.get("/matrix.csv").text)))
    some = list(csv.reader(io.StringIO(as_user.get("/matrix.csv?gpu=A6000").text)))
    assert 4 < len(some[0]) < len(whole[0])
    page = as_user.get("/matrix?gpu=A6000&column=0").text
    assert 'href="/matrix.svg?gpu=A6000"' in page
    assert len({kind for _, kind in cells(page)}) == len(some[0]) - 4


@pytest.mark.parametrize(
    ("query", "body"),
    [
        (
            "framework=torch",
            {"filter": {"expressions": [{"type": "contains", "field": "framework.name", "value": "PyTorch"}]}},
        ),
        (
            "driver=%3C550",
            {
                "nodes": {
                    "expressions": [{"type": "compare", "field": "driver_version", "operator": "<", "value": "550"}]
                }
            },
        ),
        (
            "driver=550&task=&label=",
            {
                "nodes": {
                    "expressions": [
                        {"type": "compare", "field": "driver_version", "operator": ">=", "value": "550"},
                        {"type": "compare", "field": "driver_version", "operator": "<", "value": "551"},
                    ]
                }
            },
        ),
        ("label=!nothing.has.it", {}),
    ],
)
def test_filters_choose_as_those_of_the_api(site: Server, as_user: PageClient, query: str, body: object) -> None:
    with site.client() as api:
        answer = api.post("/v1/docker/matrix", json=body).json()
    expected = {(each["group"], each["kind"]): each["grade"] for each in answer["verdicts"]}
    assert expected
    assert cells(as_user.get(f"/matrix?{query}").text) == expected


def test_each_mistake_is_beside_its_field(as_user: PageClient) -> None:
    answer = as_user.get("/matrix?framework=pytorhc&driver=new&label=a%20b%3Dc")
    assert answer.status_code == 422
    assert answer.text.count('aria-invalid="true"') == 3
    text = unescape(answer.text)
    assert "No image has the framework 'pytorhc'; did you mean PyTorch?" in text
    assert "Write a branch (535), a version (535.104.05), or a comparison ('<550')." in text
    assert as_user.get("/matrix.csv?driver=new").status_code == 422


def test_filters_that_choose_nothing_say_so(as_user: PageClient) -> None:
    answer = as_user.get("/matrix?gpu=%3Cscript%3E")
    assert answer.status_code == 200
    assert "There is nothing to show" in answer.text
    assert "<script>" not in answer.text
    assert "<table" not in answer.text


def test_cells_are_opened_by_the_keyboard(logged_in: Page) -> None:
    logged_in.goto("/matrix")
    first = logged_in.locator(".matrix td a").first
    path = first.get_attribute("href")
    first.focus()
    logged_in.keyboard.press("Enter")
    logged_in.wait_for_url(f"**{path}")
    assert logged_in.locator("h1").inner_text()


def test_a_large_matrix_has_pages_of_rows_and_of_columns(large: PageClient) -> None:
    answer = large.get("/matrix")
    assert len(answer.content) < MOST_BYTES
    assert "<script>alert" not in answer.text
    assert "Groups 1 to 40 of 48" in answer.text
    assert "Kinds 1 to 40 of 50" in answer.text
    assert len(Elements(answer.text).named("table")) == 1
    parts = ["/matrix", "/matrix?offset=40", "/matrix?column=40", "/matrix?offset=40&column=40"]
    for address, following in pairwise(parts[:2]):
        assert following in unescape(large.get(address).text)
    seen = [cells(large.get(address).text) for address in parts]
    assert [len(each) for each in seen] == [1600, 320, 400, 80]
    assert len({pair for each in seen for pair in each}) == 48 * 50
    assert cells(large.get("/matrix?offset=9999&column=9999").text) == seen[0]
    group, kind = next(iter(seen[0]))
    assert "<script>alert" not in large.get(f"/matrix/{group}/{kind}").text
    assert "<script>alert" not in large.get("/matrix.svg").text
