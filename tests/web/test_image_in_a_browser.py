"""Images in a real browser: added by reference, edited, deprecated, deleted and brought back, by keyboard and without script."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.process import Server, running_server
from tests.registry.running import Registry, configuration
from tests.web.browser import NARROW, RunningBrowser, axe_findings, is_wider_than_window, visit
from tests.web.conftest import STAFF, page_client

ENV = {"CUDA_VERSION": "12.4.1", "PYTORCH_VERSION": "2.4"}
LABELS = {"org.opencontainers.image.licenses": "MIT"}
MOST_TABS = 80


@pytest.fixture(scope="module")
def own_site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that may ask registries on this machine."""
    with running_server(tmp_path_factory.mktemp("own") / "home", registry_allow_private="127.0.0.0/8") as server:
        server.stock()
        yield server


def tab_to(page: Page, target: Locator) -> None:
    """Presses Tab until an element has the focus."""
    expect(target).to_be_visible()
    for _ in range(MOST_TABS):
        page.keyboard.press("Tab")
        if target.evaluate("element => element === document.activeElement"):
            return
    raise AssertionError(f"Tab does not lead to {target}")


def test_from_a_reference_to_undo_by_keyboard_alone(
    own_site: Server, open_registry: Registry, chromium: RunningBrowser
) -> None:
    open_registry.image("team/by-keys", "1", configuration(ENV, LABELS))
    with (
        page_client(own_site, *STAFF) as staff,
        chromium.opened() as browser,
        visit(browser, own_site.url, staff.session) as visited,
    ):
        page = visited.page()
        keys = page.keyboard
        page.goto("/images/new")
        keys.type(f"{open_registry.host}/team/by-keys:1")  # the field has the focus
        keys.press("Enter")
        expect(page.get_by_role("heading", name="What the registry says")).to_be_visible()
        expect(page.get_by_role("row", name="cuda_version 12.4.1")).to_contain_text("env CUDA_VERSION")
        tab_to(page, page.locator("#domain"))
        keys.type("od")
        keys.press("Tab")
        keys.type("train, predict")
        keys.press("Enter")
        summary = page.get_by_role("alert")
        expect(summary).to_be_focused()
        expect(summary).to_contain_text("Oldest GPU generation")
        assert axe_findings(page) == []
        page.set_viewport_size({"width": NARROW, "height": 700})
        assert not is_wider_than_window(page)
        keys.press("Tab")
        keys.press("Enter")  # the link to the field
        expect(page.locator("#min_hardware_generation")).to_be_focused()
        keys.type("Volta")
        tab_to(page, page.get_by_role("button", name="Add the image"))
        keys.press("Enter")
        expect(page.get_by_role("status")).to_contain_text("Added by-keys 1 as image")
        expect(page.get_by_role("row", name="architectures").first).to_contain_text("registry")
        tab_to(page, page.get_by_role("link", name="Edit"))
        keys.press("Enter")
        tab_to(page, page.locator("#licence"))
        keys.press("Control+A")
        keys.type("Apache-2.0")
        keys.press("Enter")
        expect(page.get_by_role("status")).to_have_text("Changed Licence of by-keys 1.")
        tab_to(page, page.get_by_role("link", name="Deprecate"))
        keys.press("Enter")
        expect(page.locator("#why")).to_be_focused()
        keys.type("too old")
        keys.press("Enter")
        expect(page.get_by_role("status")).to_have_text("by-keys:1 is deprecated.")
        tab_to(page, page.get_by_role("link", name="Delete"))
        keys.press("Enter")
        expect(page.get_by_role("heading", level=1)).to_have_text("Delete by-keys:1?")
        tab_to(page, page.get_by_role("button", name="Delete it"))
        keys.press("Enter")
        expect(page.get_by_role("status")).to_have_text("Deleted by-keys 1.")
        tab_to(page, page.get_by_role("button", name="Undo"))
        keys.press("Enter")
        expect(page.get_by_role("status")).to_have_text("by-keys 1 is back.")


def test_without_script(own_site: Server, chromium: RunningBrowser) -> None:
    with (
        page_client(own_site, *STAFF) as staff,
        chromium.opened() as browser,
        visit(browser, own_site.url, staff.session, java_script_enabled=False) as visited,
    ):
        page = visited.page()
        page.goto("/images/new")
        page.get_by_role("button", name="Add the image").click()
        expect(page.locator(".mistake")).to_have_count(9)  # all at once
        texts = {"name": "plain", "version": "1", "framework": "PyTorch 24", "tasks": "train", "licence": "MIT"}
        for name, text in {**texts, "url": "registry.example.org/team/plain:1"}.items():
            page.locator(f"#{name}").fill(text)
        page.locator("#domain").select_option("od")
        page.locator("#cpu").check()
        page.get_by_role("button", name="Add the image").click()
        expect(page.locator("#framework-mistake")).to_contain_text("did you mean PyTorch 2.4")
        expect(page.locator("#cpu")).to_be_checked()
        page.locator("#framework").fill("PyTorch 2.4")
        page.get_by_role("button", name="Add the image").click()
        page.get_by_role("link", name="Delete").click()
        page.get_by_role("button", name="Delete it").click()
        page.goto("/images?state=deleted")
        page.get_by_role("button", name="Undo plain 1").click()
        expect(page.get_by_role("status")).to_have_text("plain 1 is back.")
        assert [line for line in visited.complaints if "422" not in line] == []  # the form with a mistake
