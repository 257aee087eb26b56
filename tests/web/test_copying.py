"""The buttons that copy: what they put on the clipboard, without the right to, and where there is no clipboard."""

from urllib.parse import urlsplit

from playwright.sync_api import expect

from tests.process import Server
from tests.web.browser import NAME, RunningBrowser, visit
from tests.web.conftest import PageClient


def test_a_reference_is_copied(site: Server, chromium: RunningBrowser, as_staff: PageClient) -> None:
    with chromium.opened() as browser, visit(browser, site.url, as_staff.session) as visited:
        visited.context.grant_permissions(["clipboard-read", "clipboard-write"], origin=site.url)
        page = visited.page()
        page.goto("/images/1")
        button = page.locator("button[data-copy]").first
        reference = button.get_attribute("data-copy")
        assert reference
        expect(button.locator("xpath=preceding-sibling::code")).to_have_text(reference)
        button.press("Enter")
        expect(button).to_have_text("Copied")
        assert page.evaluate("navigator.clipboard.readText()") == reference
        expect(button).to_have_text("Copy")


def test_without_the_right_to_the_button_says_so(site: Server, chromium: RunningBrowser, as_staff: PageClient) -> None:
    with chromium.opened() as browser, visit(browser, site.url, as_staff.session) as visited:
        page = visited.page()
        page.goto("/images/1")
        protocol = visited.context.new_cdp_session(page)
        about = protocol.send("Target.getTargetInfo")["targetInfo"]
        for without_sanitization in (True, False):
            permission = {"name": "clipboard-write", "allowWithoutSanitization": without_sanitization}
            denial = {"permission": permission, "setting": "denied", "browserContextId": about["browserContextId"]}
            protocol.send("Browser.setPermission", {"origin": site.url, **denial})
        button = page.locator("button[data-copy]").first
        button.click()
        expect(button).to_have_text("Not copied")
        assert visited.complaints == []


def test_without_a_clipboard_there_is_the_text_alone(
    site: Server, chromium: RunningBrowser, as_staff: PageClient
) -> None:
    # A name of a server without TLS: there a browser has no clipboard for pages.
    address = f"http://{NAME}:{urlsplit(site.url).port}"
    with chromium.opened() as browser, visit(browser, address, as_staff.session) as visited:
        page = visited.page()
        page.goto("/images/1")
        assert page.evaluate("window.isSecureContext") is False
        buttons = page.locator("button[data-copy]")
        assert buttons.count()
        assert not any(button.is_visible() for button in buttons.all())
        expect(page.locator(".copied code").first).to_be_visible()
