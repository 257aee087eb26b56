"""What people do on the pages in a real browser: log in, begin, log out, by keyboard alone, and without script."""

from playwright.sync_api import Page, expect

from tests.process import ADMIN_PASSWORD, Server
from tests.web.browser import RunningBrowser, visit
from tests.web.conftest import PageClient


def test_logging_in_and_out_by_keyboard_alone(logged_out: Page) -> None:
    page = logged_out
    page.goto("/")
    expect(page).to_have_title("Log in · bayplan")
    page.keyboard.type("admin")  # the field has the focus
    page.keyboard.press("Tab")
    page.keyboard.type("wrong")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("The user name or the password is wrong.")
    expect(page.get_by_label("User name")).to_have_value("admin")
    page.keyboard.press("Tab")
    page.keyboard.type(ADMIN_PASSWORD)
    page.keyboard.press("Enter")
    expect(page).to_have_title("Overview · bayplan")
    button = page.get_by_role("button", name="Log out")
    for _ in range(30):
        page.keyboard.press("Tab")
        if button.evaluate("button => button === document.activeElement"):
            break
    page.keyboard.press("Enter")
    expect(page.get_by_role("status")).to_have_text("You are logged out.")
    page.goto("/")
    expect(page).to_have_title("Log in · bayplan")


def test_without_script(site: Server, chromium: RunningBrowser) -> None:
    with chromium.opened() as browser, visit(browser, site.url, java_script_enabled=False) as visited:
        page = visited.page()
        page.goto("/?")
        page.get_by_label("User name").fill("admin")
        page.get_by_label("Password").fill(ADMIN_PASSWORD)
        page.get_by_role("button", name="Log in").click()
        expect(page).to_have_title("Overview · bayplan")
        page.get_by_role("link", name="Images", exact=True).first.click()
        page.get_by_label("Search").fill("2.4.1 cudnn9 pytorch runtime")
        page.get_by_label("Search").press("Enter")
        page.get_by_role("rowheader").get_by_role("link").first.click()
        expect(page.get_by_role("heading", level=1)).to_contain_text("2.4.1-cuda12.4-cudnn9-runtime")
        assert not any(button.is_visible() for button in page.locator("button[data-copy]").all())
        page.goto("/ask")
        page.get_by_label("GPU and driver").fill("RTX 4090, 550.120")
        page.get_by_label("GPU and driver").press("Enter")
        expect(page.get_by_role("heading", level=1)).to_be_visible()
        assert page.locator("main .badge.grade-native").count()
        page.goto("/matrix")
        page.locator(".matrix td a.grade-no").first.click()
        expect(page.locator(".why > li").first).to_be_visible()
        page.get_by_role("button", name="Log out").click()
        expect(page).to_have_title("Log in · bayplan")
        assert visited.complaints == []


def test_a_page_of_another_server_can_send_no_form(
    site: Server, chromium: RunningBrowser, as_staff: PageClient
) -> None:
    with chromium.opened() as browser, visit(browser, site.url, as_staff.session) as visited:
        page = visited.page()
        other = (
            f"<form method=post action='{site.url}/logout'><input name=form_token value=x><button>Win</button></form>"
        )
        page.goto(f"data:text/html,{other}")
        page.get_by_role("button").click()
        # The cookie does not come with it, so nobody is logged in there; and the origin is not this server's.
        expect(page.get_by_role("heading", level=1)).to_have_text("Forbidden")
        page.goto("/")
        expect(page).to_have_title("Overview · bayplan")
