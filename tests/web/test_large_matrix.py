"""A matrix of 400 groups by 500 kinds in a browser: it opens quickly, scrolls with its heads in place, and is narrowed."""

from collections.abc import Iterator
from itertools import islice

import pytest
from benchmarks import content
from playwright.sync_api import Page, expect

from tests.process import running_server
from tests.quick import quickest
from tests.web.browser import RunningBrowser, visit
from tests.web.conftest import STAFF, page_client
from tests.web.printed import printed
from tests.web.test_every_page import MOST_BYTES

GROUPS, KINDS = content.DISTINCT, 500
MOST_SECONDS = 1.0


@pytest.fixture(scope="module")
def matrix(chromium: RunningBrowser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    """The page of a large matrix."""
    with running_server(tmp_path_factory.mktemp("large") / "home") as server:
        with server.client() as api:
            content.fill(api, GROUPS, to_find=1)
            kinds = islice(content.new_workers(), KINDS)
            nodes = [{"ip": f"10.0.{at // 250}.{at % 250 + 1}", "index": 0, **kind} for at, kind in enumerate(kinds)]
            api.post("/v1/catalogue/apply", json={"nodes": nodes}).raise_for_status()
        with page_client(server, *STAFF) as client:
            session = client.session
        with chromium.opened() as browser, visit(browser, server.url, session) as visited:
            yield visited.page()


def test_it_opens_quickly_and_is_small(matrix: Page) -> None:
    def seconds() -> float:
        matrix.goto("/matrix", wait_until="load")
        return float(matrix.evaluate("performance.getEntriesByType('navigation')[0].duration / 1000"))

    assert quickest(seconds, MOST_SECONDS) < MOST_SECONDS
    size = matrix.evaluate("performance.getEntriesByType('navigation')[0].decodedBodySize")
    assert 0 < size < MOST_BYTES
    expect(matrix.get_by_text(f"of {GROUPS}", exact=False).first).to_be_visible()


def test_its_heads_stay_while_it_scrolls(matrix: Page) -> None:
    matrix.goto("/matrix")
    region = matrix.get_by_role("region", name="Matrix")
    box = region.bounding_box()
    assert box is not None
    region.evaluate("box => box.scrollTo(box.scrollWidth / 2, box.scrollHeight / 2)")
    assert region.evaluate("box => box.scrollLeft > 0 && box.scrollTop > 0")
    corner = region.locator("thead th").first.bounding_box()
    assert corner is not None
    assert abs(corner["x"] - box["x"]) < 3
    assert abs(corner["y"] - box["y"]) < 3
    in_the_middle = region.locator("tbody tr").nth(20).locator("th").bounding_box()
    assert in_the_middle is not None
    assert abs(in_the_middle["x"] - box["x"]) < 3


def test_it_is_narrowed_and_turned(matrix: Page) -> None:
    matrix.goto("/matrix")
    matrix.get_by_role("link", name="Next kinds").first.click()
    expect(matrix.get_by_text(f"Kinds 41 to 80 of {KINDS}")).to_be_visible()
    matrix.get_by_text("Choose images and nodes").click()
    matrix.get_by_label("Driver").fill("<471")
    matrix.get_by_label("Driver").press("Enter")
    matrix.wait_for_url("**/matrix?*driver=%3C471*")
    kinds = matrix.locator(".matrix thead th bdi").all_text_contents()
    assert kinds
    assert all("470." in kind for kind in kinds)


def test_it_is_printed_with_all_its_kinds_on_every_sheet(matrix: Page) -> None:
    matrix.goto("/matrix")
    kinds = ["".join(each.split()) for each in matrix.locator(".matrix thead th bdi").all_text_contents()]
    sheets = printed(matrix)
    assert len(kinds) == 40
    for sheet in sheets:
        assert [kind for kind in kinds if kind not in sheet.words] == []
        assert 0 < sheet.leftmost <= sheet.rightmost < sheet.width
