"""A real Chromium, and what tests ask of an open page."""

import asyncio
import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from axe_playwright_python.base import AXE_FILE_PATH
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Request, sync_playwright

from tests.programs import program

WIDE, NARROW = 1280, 360
NAME = "bayplan.test"
"""A name that leads the browser to this machine."""
_HEIGHT = 900
_ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-quic",
    "--disable-dev-shm-usage",
    f"--host-resolver-rules=MAP {NAME} 127.0.0.1",
)


@dataclass
class RunningBrowser:
    """A browser, and the event loop that belongs to it."""

    browser: Browser
    loop: asyncio.AbstractEventLoop | None

    @contextlib.contextmanager
    def opened(self) -> Iterator[Browser]:
        """The browser, for as long as a test uses it: its event loop is not in the way of other tests."""
        asyncio._set_running_loop(self.loop)
        try:
            yield self.browser
        finally:
            asyncio._set_running_loop(None)


@contextlib.contextmanager
def running_browser() -> Iterator[RunningBrowser]:
    """A Chromium without a window."""
    chromium = program("chromium")
    manager = sync_playwright()
    playwright = manager.start()
    browser = playwright.chromium.launch(
        executable_path=chromium.path, args=_ARGUMENTS, env=dict(chromium.environment), headless=True
    )
    running = RunningBrowser(browser, asyncio._get_running_loop())
    asyncio._set_running_loop(None)
    try:
        yield running
    finally:
        asyncio._set_running_loop(running.loop)
        browser.close()
        manager.__exit__()
        asyncio._set_running_loop(None)


@dataclass
class Visit:
    """A context of the browser, whose requests to other servers and whose complaints are noted."""

    context: BrowserContext
    address: str
    strays: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    def page(self) -> Page:
        """A new page."""
        page = self.context.new_page()
        page.on("request", self._note)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("console", self._note_message)
        return page

    def _note_message(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self.complaints.append(message.text)

    def _note(self, request: Request) -> None:
        if not request.url.startswith((f"{self.address}/", "data:")):
            self.strays.append(request.url)


@contextlib.contextmanager
def visit(browser: Browser, address: str, session: str = "", **options: Any) -> Iterator[Visit]:
    """A context in which nobody has been, logged in by a session's token; nothing may leave the server at `address`."""
    width = options.pop("width", WIDE)
    context = browser.new_context(
        base_url=address, viewport={"width": width, "height": _HEIGHT}, locale="en-GB", **options
    )
    context.set_default_timeout(10_000)
    if session:
        context.add_cookies([{"name": "bayplan_session", "value": session, "url": address}])
    visited = Visit(context, address)
    try:
        yield visited
    finally:
        context.close()
    assert visited.strays == [], "a page asked another server"


@cache
def _script_of_places() -> str:
    return Path(__file__).with_name("misplaced.js").read_text(encoding="utf-8")


@cache
def _axe() -> str:
    return str(AXE_FILE_PATH.read_text(encoding="utf-8"))


def axe_findings(page: Page, *, contrast_only: bool = False) -> list[str]:
    """What axe finds on the page as it is shown: a line for each element."""
    # By the debugger's protocol, since the pages' policy permits no code from elsewhere.
    if not page.evaluate("typeof axe !== 'undefined'"):
        page.evaluate(_axe())
    options: dict[str, Any] = {"resultTypes": ["violations"], "elementRef": False}
    if contrast_only:
        options["runOnly"] = {"type": "rule", "values": ["color-contrast"]}
    violations = page.evaluate("options => axe.run(document, options).then(results => results.violations)", options)
    return [
        f"{violation['id']}: {node['html'][:200]} ({node['failureSummary']})"
        for violation in violations
        for node in violation["nodes"]
    ]


def is_wider_than_window(page: Page) -> bool:
    """Whether the page as a whole scrolls sideways."""
    return bool(page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth"))


def misplaced(page: Page) -> list[str]:
    """What is off the screen sideways or overlaps, of all that is not in a box which scrolls: a line for each."""
    lines: list[str] = page.evaluate(_script_of_places())
    return lines


def turn(page: Page, direction: str) -> None:
    """Shows the page from right to left (`rtl`), as for who reads Arabic or Hebrew, or back (`ltr`)."""
    page.evaluate("direction => { document.documentElement.dir = direction; }", direction)


def focused(page: Page) -> str:
    """What has the focus: the tag and the text or name of the element."""
    return str(
        page.evaluate(
            "() => { const e = document.activeElement; return `${e.tagName.toLowerCase()} ${e.name || e.textContent.trim()}` }"
        )
    )
