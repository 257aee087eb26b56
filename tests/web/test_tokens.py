"""The page of tokens: what the command says, a token that is shown once, who sees and revokes which, and mistakes."""

import re
from pathlib import Path

import httpx2
import pytest
from playwright.sync_api import Page, expect

from tests.cli.conftest import Shell
from tests.cli.test_images import rows
from tests.process import Server
from tests.web.browser import RunningBrowser, visit
from tests.web.cells import heading, main_text, mistake, table
from tests.web.conftest import STAFF, USER, PageClient, page_client

_SECRET = re.compile(r'<span class="copied"><code>([^<]+)</code>')


def secret_in(answer: httpx2.Response) -> str:
    """The token that a page shows."""
    (secret,) = _SECRET.findall(answer.text)
    return str(secret)


def pk_of(client: PageClient, name: str) -> int:
    """The key of one's token of that name."""
    (pk,) = (int(row[0]) for row in table(client.get("/tokens").text, "Tokens") if row[1] == name)
    return pk


def works(office: Server, token: str) -> bool:
    """Whether a program is let in with a token."""
    answer = httpx2.get(f"{office.url}/v1/users/me", headers={"Authorization": f"Bearer {token}"})
    return answer.status_code == 200


def test_a_token_is_shown_once_and_works_until_it_is_revoked(office: Server, office_user: PageClient) -> None:
    made = office_user.post("/tokens", name="once <b>", scopes=["match", "read"], expires_in="12h")
    assert (made.status_code, made.headers["cache-control"]) == (201, "no-store")
    secret = secret_in(made)
    assert heading(made.text) == "Token once <b>"
    assert "Valid for read, match until" in made.text
    assert secret not in str(made.headers)
    assert works(office, secret)
    addresses = ("/tokens", "/tokens?ended=true", "/account")
    assert [address for address in addresses if secret in office_user.get(address).text] == []
    again = office_user.post("/tokens", name="once <b>", scopes="read")
    assert again.status_code == 409
    assert "You have a token 'once <b>' already" in mistake(again.text, "name")
    pk = pk_of(office_user, "once <b>")
    assert heading(office_user.get(f"/tokens/{pk}/revoke").text) == "Revoke once <b>?"
    assert works(office, secret)
    done = office_user.post(f"/tokens/{pk}/revoke")
    assert "Revoked once <b>." in main_text(office_user.get(done.headers["location"]).text)
    assert not works(office, secret)
    assert office_user.get(f"/tokens/{pk}/revoke").status_code == 404
    assert office_user.post(f"/tokens/{pk}/revoke").status_code == 404


def test_the_history_has_the_token_without_its_secret(office_staff: PageClient) -> None:
    secret = secret_in(office_staff.post("/tokens", name="of-the-history", scopes="apply"))
    for address in ("/history", "/history?resource=tokens&object=of-the-history", "/audit", "/tokens"):
        page = office_staff.get(address)
        assert page.status_code == 200
        assert secret not in page.text
    assert "token of-the-history" in main_text(office_staff.get("/history?resource=tokens").text)


def test_the_list_is_that_of_the_command(office: Server, office_staff: PageClient, tmp_path: Path) -> None:
    shell = Shell(tmp_path, {"server": office.url, "token": office.token()})
    office_staff.post("/tokens", name="soon-over", scopes="read", expires_in="1h")
    office_staff.post("/tokens", name="of-the-list", scopes=["read", "workers"])
    office_staff.post(f"/tokens/{pk_of(office_staff, 'soon-over')}/revoke")
    for options, query in (((), ""), (("--everyone",), "?everyone=true"), (("--ended",), "?ended=true")):
        said = rows(shell.run("token", "list", *options).out)[1:-1]
        shown = [row[:-1] for row in table(office_staff.get(f"/tokens{query}").text, "Tokens")]
        assert sorted(shown) == sorted(said) != []


@pytest.mark.parametrize(
    ("fields", "field", "sentence"),
    [
        ({"name": "", "scopes": "read"}, "name", "Fill in this field."),
        ({"name": "x" * 101, "scopes": "read"}, "name", "100"),
        ({"name": "a"}, "scopes", "Choose what the token may do."),
        ({"name": "a", "scopes": "everything"}, "scopes", "must be"),
        ({"name": "a", "scopes": "read", "expires_in": "soon"}, "expires_in", "is no duration"),
        ({"name": "a", "scopes": "read", "expires_in": "0"}, "expires_in", "is no duration"),
        ({"name": "a", "scopes": "read", "expires_in": "9999d"}, "expires_in", "at most"),
    ],
)
def test_mistakes_are_beside_their_fields(
    office_user: PageClient, fields: dict[str, str | list[str]], field: str, sentence: str
) -> None:
    answer = office_user.post("/tokens", **fields)
    assert answer.status_code == 422
    assert sentence in mistake(answer.text, field)
    assert not _SECRET.findall(answer.text)


def test_all_mistakes_are_said_at_once(office_user: PageClient) -> None:
    answer = office_user.post("/tokens", name="", expires_in="soon")
    assert [field for field in ("name", "scopes", "expires_in") if not mistake(answer.text, field)] == []


def test_the_scopes_of_staff_are_for_staff(office_user: PageClient, office_staff: PageClient) -> None:
    assert 'value="apply"' in office_staff.get("/tokens").text
    assert 'value="apply"' not in office_user.get("/tokens").text
    answer = office_user.post("/tokens", name="too-much", scopes=["read", "apply"])
    assert answer.status_code == 403
    assert "Only staff may make a token with the scope 'apply'" in mistake(answer.text, "scopes")
    assert "too-much" not in main_text(office_user.get("/tokens").text)


def test_staff_see_and_revoke_the_tokens_of_all(
    office: Server, office_user: PageClient, office_staff: PageClient
) -> None:
    secret = secret_in(office_user.post("/tokens", name="caseys", scopes="read"))
    own = secret_in(office_staff.post("/tokens", name="admins", scopes="read"))
    pk = pk_of(office_user, "caseys")
    assert "caseys" not in office_staff.get("/tokens").text
    assert "caseys" in office_staff.get("/tokens?everyone=true").text
    assert office_user.get("/tokens?everyone=true").status_code == 403
    theirs = pk_of(office_staff, "admins")
    for answer in (office_user.get(f"/tokens/{theirs}/revoke"), office_user.post(f"/tokens/{theirs}/revoke")):
        assert answer.status_code == 404
        assert "admins" not in answer.text
    assert works(office, own)
    assert heading(office_staff.get(f"/tokens/{pk}/revoke").text) == f"Revoke caseys of {USER[0]}?"
    assert office_staff.post(f"/tokens/{pk}/revoke").headers["location"] == "/tokens?everyone=true"
    assert not works(office, secret)


def test_a_new_password_ends_the_tokens(office: Server) -> None:
    with office.client() as api:
        body = {"username": "token-owner", "password": USER[1]}
        api.post("/v1/users/create", json=body).raise_for_status()
    with page_client(office, "token-owner", USER[1]) as client:
        secret = secret_in(client.post("/tokens", name="old", scopes="read"))
        assert works(office, secret)
        client.post("/account", old_password=USER[1], password=STAFF[1], again=STAFF[1])
        assert not works(office, secret)
        assert "There are no tokens" in client.get("/tokens").text


def test_a_forged_form_makes_and_revokes_nothing(office_staff: PageClient) -> None:
    office_staff.post("/tokens", name="stays", scopes="read")
    pk = pk_of(office_staff, "stays")
    for address, fields in (("/tokens", {"name": "forged", "scopes": "apply"}), (f"/tokens/{pk}/revoke", {})):
        answer = office_staff.http.post(address, data=fields, headers={"Accept": "text/html"})
        assert answer.status_code == 403
        assert not _SECRET.findall(answer.text)
    page = office_staff.get("/tokens").text
    assert "stays" in page
    assert "forged" not in page


def _tab_to(page: Page, words: str) -> None:
    """Moves the focus by the Tab key to what has these words."""
    for _ in range(60):
        page.keyboard.press("Tab")
        focus = "() => { const e = document.activeElement; return e.labels?.[0]?.textContent ?? e.textContent }"
        if page.evaluate(focus).strip().startswith(words):
            return
    raise AssertionError(f"the Tab key does not lead to {words!r}")


def test_making_and_revoking_a_token_by_keyboard(
    office: Server, office_staff: PageClient, chromium: RunningBrowser
) -> None:
    with chromium.opened() as browser, visit(browser, office.url, office_staff.session) as visited:
        page = visited.page()
        page.goto("/tokens")
        _tab_to(page, "Name")
        page.keyboard.type("by-keyboard")
        _tab_to(page, "match")
        page.keyboard.press("Space")
        _tab_to(page, "Valid for")
        page.keyboard.type("1h")
        page.keyboard.press("Enter")
        expect(page.get_by_role("heading", level=1)).to_have_text("Token by-keyboard")
        expect(page.get_by_role("status")).to_have_text("Copy the token now: it is not shown again.")
        secret = page.locator(".copied code").inner_text()
        assert works(office, secret)
        assert secret not in page.url + page.title()
        _tab_to(page, "All tokens")
        page.keyboard.press("Enter")
        expect(page.get_by_role("heading", level=1)).to_have_text("Tokens")
        page.go_back()
        assert secret not in page.content()
        page.goto("/tokens")
        assert secret not in page.content()
        _tab_to(page, "Revoke by-keyboard")
        page.keyboard.press("Enter")
        expect(page.get_by_role("heading", level=1)).to_have_text("Revoke by-keyboard?")
        _tab_to(page, "Revoke")
        page.keyboard.press("Enter")
        expect(page.get_by_role("status")).to_have_text("Revoked by-keyboard.")
        assert not works(office, secret)
