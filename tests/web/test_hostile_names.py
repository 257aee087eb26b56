"""Names that mean harm, in everything that has a name, on every page: they are text, they fit, and nothing runs."""

from collections.abc import Iterator
from html.parser import HTMLParser
from itertools import product
from typing import Any
from urllib.parse import urlencode

import httpx2
import pytest
from html5lib.html5parser import HTMLParser as StrictParser

from bayplan.web.routes import PAGES
from tests import catalogue
from tests.process import running_server
from tests.web.browser import NARROW, WIDE, RunningBrowser, is_wider_than_window, misplaced, visit
from tests.web.conftest import STAFF, PageClient, page_client
from tests.web.crawl import crawled

NAMES = {
    "script": "\"><script>alert(1)</script>'",
    "long": "x" * 200,
    "right to left": "\N{HEBREW LETTER SHIN}\N{HEBREW LETTER LAMED} (7) \N{ARABIC LETTER SEEN}\N{ARABIC LETTER LAM}!",
    "emoji": "\N{ROCKET}\N{FOX FACE} model",
    "path": "../../etc/passwd",
    "template": '{{ 7 * 191 }} {% raw %} `x` "it\'s"',
}
BIDIRECTIONAL = "\N{RIGHT-TO-LEFT OVERRIDE}\N{FIRST STRONG ISOLATE}"
"""No name has such a character, since the server refuses it; an address may."""
ISOLATING = ("bdi", "title", "textarea", "option", "input", "code")
HOSTILE = NAMES["script"] + BIDIRECTIONAL


def make(api: httpx2.Client, resource: str, body: dict[str, Any]) -> int:
    """Makes one; gives its key."""
    made = api.post(f"/v1/{resource}/create", json=body)
    assert made.status_code == 201, (resource, made.text)
    return int(made.json().get("pk", 0))


def fill(api: httpx2.Client) -> None:
    """Makes one of everything with each of the names."""
    make(api, "domains", {"name": "domain", "description": NAMES["script"]})
    for number, name in enumerate(NAMES.values()):
        make(api, "hardware", catalogue.hardware(generation=name))
        make(api, "users", catalogue.user(username=name, first_name=name, last_name=name))
        make(api, "nodes", catalogue.node(gpu_name=name, gpu_brand=name[:50]))
        make(api, "prefetch", catalogue.prefetch(name=name, nodes={"expressions": [], "order_by": []}))
        make(api, "tokens", {"name": name[:100], "scopes": ["read"]})
        image = catalogue.image(
            name=name,
            version=name[:100],
            framework=make(api, "frameworks", {"name": name, "version": "1.0"}),
            licence=make(api, "licences", catalogue.licence(name=name)),
            domain="domain",
            url=f"registry.example.com/team/{'y' * 150}:{number}",
            registry_username=name,
            registry_password=name,
        )
        image["facts"] = {"requirements": {"NVIDIA_REQUIRE_CUDA": "cuda>=11.0", f"NVIDIA_REQUIRE_{number}": name}}
        pk = make(api, "docker", image)
        api.patch(f"/v1/docker/{pk}/lifecycle", json={"deprecated": True, "why": name}).raise_for_status()


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PageClient]:
    """Pages of a server whose names are all hostile."""
    with running_server(tmp_path_factory.mktemp("hostile") / "home") as server:
        with server.client() as api:
            fill(api)
        with page_client(server, *STAFF) as client:
            yield client


@pytest.fixture(scope="module")
def texts(hostile: PageClient) -> dict[str, str]:
    """What every page shows, by its address; also the page of each image."""
    shown: dict[str, str] = {}

    def text_of(address: str) -> str:
        answer = hostile.get(address)
        assert answer.status_code < 400, (address, answer.text)
        if answer.headers.get("content-type", "").startswith("text/html"):
            shown[address] = answer.text
        return answer.text

    crawled(text_of)
    for number in range(1, len(NAMES) + 1):
        text_of(f"/images/{number}")
    return shown


class BareControls(HTMLParser):
    """The texts with a bidirectional control that no element around them isolates."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self._open: list[tuple[str, bool]] = []
        self.bare: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Keeps whether the element isolates."""
        self._open.append((tag, tag in ISOLATING or "dir" in dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        """Closes the element."""
        while self._open and self._open.pop()[0] != tag:
            pass

    def handle_data(self, data: str) -> None:
        """Keeps the text where nothing isolates it."""
        if any(control in data for control in BIDIRECTIONAL) and not any(isolates for _, isolates in self._open):
            self.bare.append(data)


def test_they_are_text_on_every_page(texts: dict[str, str]) -> None:
    for address, text in texts.items():
        assert "<script>alert" not in text, address
        assert "1337" not in text, address  # no template within a name is read
        StrictParser(strict=True).parse(text)
    for address in ("/images", "/nodes", "/matrix"):
        assert "&lt;script&gt;alert(1)" in texts[address], address


def test_they_fit_every_page(hostile: PageClient, texts: dict[str, str], chromium: RunningBrowser) -> None:
    address = str(hostile.http.base_url).rstrip("/")
    problems = []
    with chromium.opened() as browser, visit(browser, address, hostile.session) as visited:
        tab = visited.page()
        tab.on("dialog", lambda dialog: visited.complaints.append(dialog.message))
        for path, width in product((path for path in texts if path != "/login"), (NARROW, WIDE)):
            tab.set_viewport_size({"width": width, "height": 900})
            tab.goto(path)
            if is_wider_than_window(tab):
                problems.append((path, width, "wider than the window"))
            problems += [(path, width, line) for line in misplaced(tab)]
        assert visited.complaints == []
    assert problems == []


def test_what_an_address_says_is_text_and_turns_nothing_around(hostile: PageClient) -> None:
    assert BareControls(f"<p>{BIDIRECTIONAL}</p><p><b>x</b><bdi>{BIDIRECTIONAL}</bdi></p>").bare == [BIDIRECTIONAL]
    for page in PAGES:
        if page.method == "GET" and page.query is not None:
            address = page.path.replace("{pk}", "1").replace("{group}", "1").replace("{kind}", "1")
            answer = hostile.get(f"{address}?{urlencode(dict.fromkeys(page.query.model_fields, HOSTILE))}")
            assert answer.status_code in (200, 303, 404, 422), (page.name, answer.text)
            assert "<script>alert" not in answer.text, page.name
            if answer.headers.get("content-type", "").startswith("text/html"):
                assert BareControls(answer.text).bare == [], page.name
