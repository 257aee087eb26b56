"""What people do on the pages by keyboard alone: from the log-in to an image, to an answer, and to the reasons of a cell."""

from playwright.sync_api import Locator, Page, expect

from tests.process import ADMIN_PASSWORD

MOST_STEPS = 120


def tab_to(page: Page, target: Locator) -> None:
    """Presses Tab until the element has the focus."""
    for _ in range(MOST_STEPS):
        page.keyboard.press("Tab")
        if target.evaluate("element => element === document.activeElement"):
            return
    raise AssertionError(f"Tab does not reach {target}.")


def log_in(page: Page, address: str) -> None:
    """Opens an address without a session and logs in; the address is shown then."""
    page.goto(address)
    page.keyboard.type("admin")
    page.keyboard.press("Tab")
    page.keyboard.type(ADMIN_PASSWORD)
    page.keyboard.press("Enter")


def link(page: Page, name: str) -> Locator:
    """A link of the navigation."""
    return page.get_by_role("navigation", name="Pages").get_by_role("link", name=name, exact=True)


def test_from_the_log_in_to_an_image_that_is_searched(logged_out: Page) -> None:
    page = logged_out
    log_in(page, "/")
    expect(page).to_have_title("Overview · bayplan")
    tab_to(page, link(page, "Images"))
    page.keyboard.press("Enter")
    expect(page).to_have_title("Images · bayplan")
    tab_to(page, page.get_by_label("Search"))
    page.keyboard.type("2.4.1 cudnn9 pytorch runtime")
    page.keyboard.press("Enter")
    page.wait_for_url("**/images?q=2.4.1+cudnn9+pytorch+runtime*")
    tab_to(page, page.get_by_role("rowheader").get_by_role("link").first)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_contain_text("2.4.1-cuda12.4-cudnn9-runtime")


def test_from_the_log_in_to_the_question_that_somebody_sent(logged_out: Page) -> None:
    page = logged_out
    log_in(page, "/ask")
    expect(page).to_have_title("Ask · bayplan")
    tab_to(page, page.get_by_label("GPU and driver"))
    page.keyboard.type("RTX 4090, 550.120")
    page.keyboard.press("Enter")
    page.wait_for_url("**/ask?*worker=RTX+4090%2C+550.120*")
    tab_to(page, page.get_by_role("main").get_by_role("link").first)


def test_from_the_matrix_to_the_reasons_of_a_cell_and_back(logged_in: Page) -> None:
    page = logged_in
    page.goto("/")
    tab_to(page, link(page, "Matrix"))
    page.keyboard.press("Enter")
    expect(page).to_have_title("Matrix · bayplan")
    cell = page.locator(".matrix td a.grade-no").first
    tab_to(page, page.get_by_role("region", name="Matrix"))  # it scrolls by the arrow keys
    tab_to(page, cell)
    page.keyboard.press("Enter")
    expect(page.locator(".why > li").first).to_be_visible()
    tab_to(page, page.get_by_role("navigation", name="Where you are").get_by_role("link"))
    page.keyboard.press("Enter")
    expect(page).to_have_title("Matrix · bayplan")


def test_the_menu_opens_and_closes(logged_in: Page) -> None:
    page = logged_in
    page.goto("/")
    menu = page.locator(".menu")
    summary = menu.locator("summary")
    tab_to(page, summary)
    page.keyboard.press("Enter")
    expect(menu).to_have_attribute("open", "")
    page.keyboard.press("Tab")
    expect(menu.get_by_role("link").first).to_be_focused()
    page.keyboard.press("Escape")
    expect(menu).not_to_have_attribute("open", "")
    expect(summary).to_be_focused()
    page.keyboard.press("Enter")
    page.get_by_role("contentinfo").click()
    expect(menu).not_to_have_attribute("open", "")
