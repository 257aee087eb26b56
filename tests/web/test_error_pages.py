"""Errors as pages: what is wrong and how to go on, in the same layout, to be used like any other page."""

from pathlib import Path

import pytest

from tests.postgres import Postgres
from tests.process import Server, running_server
from tests.web.browser import NARROW, RunningBrowser, axe_findings, is_wider_than_window, misplaced, visit
from tests.web.conftest import STAFF, PageClient, page_client
from tests.web.test_every_page import Elements

ADDRESSES = {
    "/no/such/page": (404, "There is no page at /no/such/page."),
    "/images/99999999999999999999": (404, "No docker image with pk"),
    "/images?sort=colour": (422, "sort"),
    "/images?offset=x&frobnicate=1": (422, "offset"),
    "/examples": (405, "POST"),
}
"""Addresses with the status and the words of their errors."""


@pytest.mark.parametrize("address", ADDRESSES)
def test_an_error_says_what_is_wrong_in_the_layout_of_all_pages(as_user: PageClient, address: str) -> None:
    status, words = ADDRESSES[address]
    answer = as_user.get(address)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.headers["cache-control"] == "no-store"
    assert words in answer.text
    elements = Elements(answer.text)
    assert len(elements.named("h1")) == len(elements.named("main")) == 1
    assert [link for link in elements.named("a") if link.get("href") == "/images"]


def test_people_can_use_them(site: Server, chromium: RunningBrowser, as_user: PageClient) -> None:
    with chromium.opened() as browser, visit(browser, site.url, as_user.session, width=NARROW) as visited:
        tab = visited.page()
        for address, (status, _) in ADDRESSES.items():
            answer = tab.goto(address)
            assert answer is not None
            assert answer.status == status
            assert not is_wider_than_window(tab)
            assert misplaced(tab) == []
        assert axe_findings(tab) == []


def test_without_a_database_the_page_says_to_try_again(postgres: Postgres, tmp_path: Path) -> None:
    name = "pages_without"
    with (
        running_server(tmp_path / "home", database=postgres.create(name)) as server,
        page_client(server, *STAFF) as client,
    ):
        assert client.get("/images").status_code == 200
        postgres.drop(name)
        answer = client.get("/images")
    assert answer.status_code == 503, answer.text
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert int(answer.headers["retry-after"]) > 0
    elements = Elements(answer.text)
    assert len(elements.named("h1")) == len(elements.named("main")) == 1
