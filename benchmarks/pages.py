"""The pages of a large catalogue and fleet: every page of the table that the browser is shown, each a row."""

import contextlib
import gzip
import http.client
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from statistics import median

import httpx2
from tests import catalogue
from tests.process import ADMIN_PASSWORD, cpu_seconds
from tests.web.crawl import crawled

from bayplan.web.page import PageRoute
from bayplan.web.routes import PAGES
from bayplan.web.session import COOKIE
from benchmarks import content, matrices
from benchmarks.floor import bare_server_of
from benchmarks.place import SETTINGS, Place
from benchmarks.rows import Outcome, Row, Size, at_most
from benchmarks.servers import running_server
from benchmarks.whole import probe

SAMPLES = 9
MATRIX = "/matrix"
MOST_MILLISECONDS, MOST_OF_MATRIX_MILLISECONDS = 100, 1_000
MOST_KILOBYTES = 300
SHOWN = tuple(page for page in PAGES if page.method == "GET")


@dataclass(frozen=True)
class Answer:
    """What an address was answered with, and in which time."""

    status: int
    body: bytes
    seconds: float
    is_file: bool


@dataclass
class SitePlace(Place):
    """A server with its pages, and a session of the administrator."""

    bare_port: int = 0
    """Where a bare server answers `/0-200` and so on with the bytes of the pages, in the order of the table."""
    addresses: dict[PageRoute, str] = field(default_factory=dict)
    """The address of each page: the first of each kind that another page links to."""

    @cached_property
    def session(self) -> str:
        """The token of a session."""
        form = {"username": "admin", "password": ADMIN_PASSWORD}
        return str(httpx2.post(f"{self.server.url}/login", data=form, timeout=60).cookies[COOKIE])

    def get(self, address: str, *, is_logged_in: bool = True) -> Answer:
        """Asks as a browser does."""
        headers = {"Accept": "text/html"} | ({"Cookie": f"{COOKIE}={self.session}"} if is_logged_in else {})
        return _asked(self.server.port, address, headers)

    def page(self, page: PageRoute) -> Answer:
        """Asks for a page of the table; raises RuntimeError where it is not shown."""
        answer = self.get(self.addresses[page], is_logged_in=not page.access.is_public)
        if answer.status != 200:
            raise RuntimeError(f"{page.name} at {self.addresses[page]}: {answer.status} {answer.body[-600:]!r}")
        return answer

    def write(self, number: int) -> None:
        """Changes an image, so that nothing which was made of the catalogue is kept."""
        change = {"cuda_version": content.CUDAS[number % len(content.CUDAS)]}
        self.client.patch(f"/v1/docker/{self.pks[0]}", json=change).raise_for_status()


@contextlib.contextmanager
def site(size: Size, folder: Path) -> Iterator[SitePlace]:
    """A server with as many nodes as images and something of everything that has a page, started anew once that is there."""
    bodies = folder / "bodies"
    bodies.mkdir()
    with matrices.fleet(size, folder) as filled:
        for resource in ("prefetch", "users"):
            body = catalogue.BODIES[resource]()
            filled.client.post(f"/v1/{resource}/create", json=body).raise_for_status()
        token = {"name": "ci", "scopes": ["read"]}
        filled.client.post("/v1/tokens/create", json=token).raise_for_status()
        token = filled.client.post("/v1/nodes/join-tokens", json={"uses": 2}).raise_for_status().json()["token"]
        bearer = {"Authorization": f"Bearer {token}"}
        filled.client.post("/v1/nodes/join", json=catalogue.machine(), headers=bearer).raise_for_status()
        credentials = {"registry_username": "puller", "registry_password": "a secret"}
        filled.client.patch(f"/v1/docker/{filled.pks[0]}", json=credentials).raise_for_status()
        before = SitePlace(filled.server, filled.client, size, size.images)
        before.addresses = crawled(lambda address: before.get(address).body.decode(errors="replace"))
        for number, page in enumerate(SHOWN):
            (bodies / f"{number}-200").write_bytes(before.page(page).body)
    with (
        bare_server_of(bodies) as (bare_port, _),
        running_server(folder / "sqlite", **SETTINGS) as server,
        server.client() as client,
    ):
        client.timeout = httpx2.Timeout(120)
        yield SitePlace(server, client, size, size.images, bare_port=bare_port, addresses=before.addresses)


def milliseconds(place: SitePlace, page: PageRoute) -> Outcome:
    """The median of a page right after a write, or of one asked again where that takes longer; the first one aside."""
    first = place.page(page)
    again, after_writes, cpu = [], [], []
    for number in range(place.size.samples_of(SAMPLES)):
        again.append(place.page(page).seconds)
        place.write(number)
        before = cpu_seconds(place.server.process.pid)
        after_writes.append(place.page(page).seconds)
        cpu.append(cpu_seconds(place.server.process.pid) - before)
    warm, p50 = 1000 * median(again), 1000 * median(after_writes)
    words = (
        f"{warm:.0f} ms, right after a write {p50:.0f} ms (at most {1000 * max(after_writes):.0f} ms, "
        f"{1000 * median(cpu):.0f} ms of processor time), the first time {1000 * first.seconds:.0f} ms; "
        f"{len(first.body) / 1000:.0f} kB, {len(gzip.compress(first.body)) / 1000:.0f} kB in gzip"
    )
    return Outcome(max(warm, p50), words, f"{_bare_milliseconds(place, page):.1f} ms, a bare server with these bytes")


def largest(place: SitePlace) -> Outcome:
    """The kilobytes of the largest page; files that are downloaded are no pages."""
    answers = {place.addresses[page]: place.page(page) for page in SHOWN}
    sizes = {address: len(answer.body) / 1000 for address, answer in answers.items() if not answer.is_file}
    address = max(sizes, key=lambda address: sizes[address])
    return Outcome(sizes[address], f"{sizes[address]:.0f} kB, `{address}`")


def held(place: SitePlace) -> Outcome:
    """The longest that /healthz waited while all pages were asked for, right after a write and again, one after the other."""
    with probe(place.server.port) as waits:
        time.sleep(place.size.seconds)
    longest: dict[str, float] = {}
    for number, page in enumerate(SHOWN):
        place.write(number)
        with probe(place.server.port) as waits_meanwhile:
            for _ in range(place.size.samples_of(3)):
                place.page(page)
        longest[place.addresses[page]] = 1000 * max(waits_meanwhile, default=0.0)
    address = max(longest, key=lambda address: longest[address])
    floor = f"{1000 * max(waits, default=0.0):.0f} ms while nobody asks"
    return Outcome(longest[address], f"{longest[address]:.0f} ms, by `{address}`", floor)


def _bare_milliseconds(place: SitePlace, page: PageRoute) -> float:
    return 1000 * median(_asked(place.bare_port, f"/{SHOWN.index(page)}-200", {}).seconds for _ in range(SAMPLES))


def _asked(port: int, address: str, headers: Mapping[str, str]) -> Answer:
    """What a server answers over a new connection, as a browser has that opens a page."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
    with contextlib.closing(connection):
        begin = time.perf_counter()
        connection.request("GET", address, headers=dict(headers))
        answer = connection.getresponse()
        body = answer.read()
        seconds = time.perf_counter() - begin
    return Answer(answer.status, body, seconds, answer.getheader("Content-Disposition") is not None)


def _row(page: PageRoute) -> Row[SitePlace]:
    name = page.path.strip("/").replace("/", "-").replace("{", "").replace("}", "") or "overview"
    limit = MOST_OF_MATRIX_MILLISECONDS if page.path.startswith(MATRIX) else MOST_MILLISECONDS
    return Row(
        f"pages-{name}",
        f"page `{page.path}`, one client: p50",
        "",
        at_most(limit, "{:,g} ms"),
        lambda place: milliseconds(place, page),
    )


ROWS = (
    *(_row(page) for page in SHOWN),
    Row("pages-size", "the largest page", "", at_most(MOST_KILOBYTES, "{:g} kB"), largest),
    Row("pages-held", "the longest hold of the event loop by a page", "", at_most(50, "{:g} ms"), held),
)
