"""The pages of users and of one's own account: what staff may change, mistakes, and what ends sessions."""

import re
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.cli.conftest import Shell
from tests.cli.test_images import rows
from tests.process import Server
from tests.web.cells import main_text, mistake, table
from tests.web.conftest import STAFF, PageClient, page_client
from tests.web.forms import filled

OLD, NEW = "the old long password", "the new long password"


def added(office: Server, username: str, **fields: Any) -> int:
    """The key of a new user."""
    with office.client() as api:
        body = {"username": username, "password": OLD, **fields}
        return int(api.post("/v1/users/create", json=body).raise_for_status().json()["pk"])


def user(office: Server, pk: int) -> dict[str, Any]:
    """A user as the API gives them to staff."""
    with office.client() as api:
        return dict(api.get(f"/v1/users/{pk}").raise_for_status().json())


def pk_in(response: httpx2.Response) -> int:
    """The key in the address that a form leads to."""
    return int(response.headers["location"].rpartition("/")[2])


def notice(client: PageClient, response: httpx2.Response) -> str:
    """What the next page says was done."""
    assert response.status_code == 303, response.text
    return main_text(client.get(response.headers["location"]).text)


def test_the_list_is_that_of_the_command(office: Server, office_staff: PageClient, tmp_path: Path) -> None:
    added(office, "of-the-list", first_name="Kim", last_name="<i>Doe</i>")
    shell = Shell(tmp_path, {"server": office.url, "token": office.token()})
    said = rows(shell.run("user", "list").out)[1:-1]
    shown = table(office_staff.get("/users").text, "Users")
    assert [row[:4] for row in shown] == [row[:4] for row in said] != []
    (only,) = table(office_staff.get("/users?q=OF-THE-L").text, "Users")
    assert only[1:4] == ["of-the-list", "Kim <i>Doe</i>", "reads"]
    assert "No user is like that" in office_staff.get("/users?q=%25").text


def test_pages_are_bounded_whatever_the_names_are(office: Server, office_staff: PageClient) -> None:
    long = {"first_name": '"' * 20_000, "last_name": "<" * 20_000, "email": "&" * 20_000}
    pk = added(office, "'" * 200, **long)
    with page_client(office, "'" * 200, OLD) as client:
        pages = [client.get("/account")]
    pages += [office_staff.get(address) for address in ("/users", f"/users/{pk}", f"/users/{pk}/deactivate")]
    pages.append(office_staff.get(f"/history?resource=users&object={pk}"))
    assert [page.status_code for page in pages] == [200] * 5
    assert max(len(page.content) for page in pages) < 300_000


def test_staff_add_a_user(office: Server, office_staff: PageClient) -> None:
    fields = {"username": "of-a-form", "first_name": "Kim", "is_staff": "true", "password": OLD, "again": OLD}
    done = office_staff.post("/users/new", **fields)
    assert "Added the staff user of-a-form." in notice(office_staff, done)
    made = user(office, pk_in(done))
    assert (made["username"], made["first_name"], made["is_staff"], made["is_active"]) == (
        "of-a-form",
        "Kim",
        True,
        True,
    )
    with page_client(office, "of-a-form", OLD) as new:
        assert new.get("/users").status_code == 200


def test_mistakes_of_a_new_user_are_all_beside_their_fields(office_staff: PageClient) -> None:
    answer = office_staff.post("/users/new", username="a\x07b", email="x\x07", password="short", again="shorter")
    assert answer.status_code == 422
    for field, sentence in (
        ("username", "printable"),
        ("email", "printable"),
        ("password", "8"),
        ("again", "not the same"),
    ):
        assert sentence in mistake(answer.text, field), field
    assert "short" not in answer.text
    taken = office_staff.post("/users/new", username="admin", password=OLD, again=OLD)
    assert taken.status_code == 409
    assert "exists already" in mistake(taken.text, "username")
    assert OLD not in taken.text


def test_staff_change_a_user(office: Server, office_staff: PageClient) -> None:
    pk = added(office, "to-change", email="old@example.org")
    fields = {"username": "changed", "first_name": "<b>", "last_name": "", "email": "", "is_staff": "true"}
    done = office_staff.post(f"/users/{pk}", **fields)
    assert "Changed changed." in notice(office_staff, done)
    now = user(office, pk)
    assert {name: now[name] for name in ("username", "first_name", "email", "is_staff")} == {
        "username": "changed",
        "first_name": "<b>",
        "email": "",
        "is_staff": True,
    }
    assert "Nothing was changed." in notice(office_staff, office_staff.post(f"/users/{pk}", **fields))


def test_two_who_change_a_user_at_once_lose_nothing(office: Server, office_staff: PageClient) -> None:
    pk = added(office, "of-two")
    opened = filled(office_staff.get(f"/users/{pk}"))
    assert office_staff.post(f"/users/{pk}", **{**opened, "first_name": "First", "is_staff": "true"}).status_code == 303
    assert office_staff.post(f"/users/{pk}", **{**opened, "last_name": "Last"}).status_code == 303
    now = user(office, pk)
    assert (now["first_name"], now["last_name"], now["is_staff"]) == ("First", "Last", True)
    late = office_staff.post(f"/users/{pk}", **{**opened, "first_name": "Other", "email": "a@example.org"})
    assert late.status_code == 412
    assert "Somebody else changed this" in mistake(late.text, "first_name")
    assert user(office, pk) == now
    assert office_staff.post(f"/users/{pk}", **filled(late)).status_code == 303
    assert user(office, pk) == {**now, "first_name": "Other", "email": "a@example.org"}


def test_a_new_password_for_another_user_ends_their_sessions(office: Server, office_staff: PageClient) -> None:
    pk = added(office, "forgetful")
    with page_client(office, "forgetful", OLD) as theirs:
        assert theirs.get("/account").status_code == 200
        differs = office_staff.post(f"/users/{pk}/password", password=NEW, again=OLD)
        assert (differs.status_code, NEW in differs.text) == (422, False)
        assert "not the same" in mistake(differs.text, "again")
        assert "8" in mistake(office_staff.post(f"/users/{pk}/password", password="x", again="x").text, "password")
        assert theirs.get("/account").status_code == 200
        done = office_staff.post(f"/users/{pk}/password", password=NEW, again=NEW)
        assert NEW not in done.headers["set-cookie"] + done.headers["location"]
        said = notice(office_staff, done)
        assert "forgetful has a new password; their sessions and tokens have ended." in said
        assert theirs.get("/account").status_code == 303
    with page_client(office, "forgetful", NEW):
        pass


def test_a_deactivated_user_is_out_until_they_are_let_in_again(office: Server, office_staff: PageClient) -> None:
    pk = added(office, "leaving")
    with page_client(office, "leaving", OLD) as theirs:
        with office.client() as api:
            api.headers["Authorization"] = f"Bearer {office.token('leaving', OLD)}"
            api.post("/v1/tokens/create", json={"name": "of-leaving", "scopes": ["read"]}).raise_for_status()
        asked = main_text(office_staff.get(f"/users/{pk}/deactivate").text)
        assert "Deactivate leaving?" in asked
        assert "This ends 1 token: of-leaving." in asked
        assert user(office, pk)["is_active"]
        done = office_staff.post(f"/users/{pk}/deactivate")
        assert "Deactivated leaving." in notice(office_staff, done)
        assert theirs.get("/account").status_code == 303
    assert "leaving may log in again." in notice(office_staff, office_staff.post(f"/users/{pk}/activate"))
    with page_client(office, "leaving", OLD):
        pass


def test_the_last_staff_user_stays(office: Server, office_staff: PageClient) -> None:
    with office.client() as api:
        staff = [each for each in api.post("/v1/users/list").json() if each["is_staff"] and each["is_active"]]
        others = [each["pk"] for each in staff if each["username"] != STAFF[0]]
        for pk in others:
            api.patch(f"/v1/users/{pk}", json={"is_staff": False}).raise_for_status()
        (admin,) = (each for each in staff if each["username"] == STAFF[0])
    for refused in (
        office_staff.post(f"/users/{admin['pk']}/deactivate"),
        office_staff.post(f"/users/{admin['pk']}", username="admin"),
    ):
        assert refused.status_code == 409
        assert "last active staff user" in main_text(refused.text)
    assert office_staff.get("/users").status_code == 200
    assert user(office, admin["pk"])["is_staff"]


def test_everyone_changes_their_own_password_with_the_old_one(office: Server) -> None:
    added(office, "careful")
    with page_client(office, "careful", OLD) as here, page_client(office, "careful", OLD) as elsewhere:
        for fields, field in (
            ({"old_password": "", "password": NEW, "again": NEW}, "old_password"),
            ({"old_password": "wrong password", "password": NEW, "again": NEW}, "old_password"),
            ({"old_password": OLD, "password": "short", "again": "short"}, "password"),
            ({"old_password": OLD, "password": NEW, "again": "another"}, "again"),
        ):
            answer = here.post("/account", **fields)
            assert answer.status_code == 422
            assert mistake(answer.text, field)
            assert OLD not in answer.text
            assert NEW not in answer.text
        assert elsewhere.get("/account").status_code == 200
        before = here.session
        done = here.post("/account", old_password=OLD, password=NEW, again=NEW)
        assert {"HttpOnly", "SameSite=lax", "Path=/"} <= set(done.headers.get_list("set-cookie")[-1].split("; "))
        assert "your other sessions and your tokens for programs have ended" in notice(here, done)
        assert here.session != before
        assert here.get("/account").status_code == 200
        assert elsewhere.get("/account").status_code == 303
    with page_client(office, "careful", NEW):
        pass


def test_guesses_of_the_old_password_are_limited_as_log_ins_are(office: Server) -> None:
    added(office, "guessed")
    with page_client(office, "guessed", OLD) as client:
        fields = {"old_password": "wrong password", "password": NEW, "again": NEW}
        while (locked := client.post("/account", **fields)).status_code == 422:
            assert mistake(locked.text, "old_password") == "The old password is wrong."
        assert locked.status_code == 429
        assert int(locked.headers["retry-after"]) > 0
        right = client.post("/account", old_password=OLD, password=NEW, again=NEW)
        assert right.status_code == 429


def test_ones_own_password_needs_the_old_one_for_staff_too(office: Server, office_staff: PageClient) -> None:
    pk = added(office, "own-staff", is_staff=True)
    with page_client(office, "own-staff", OLD) as client:
        assert "Change your own password with the old one" in main_text(client.get(f"/users/{pk}/password").text)
        assert "Nothing was changed" in notice(client, client.post(f"/users/{pk}/password", password=NEW, again=NEW))
        assert client.get("/account").status_code == 200
    with page_client(office, "own-staff", OLD):
        pass


@pytest.mark.parametrize(
    "address", ["/users", "/users/new", "/users/{own}", "/users/1", "/users/1/password", "/users/1/deactivate"]
)
def test_others_see_only_their_own_account(office_user: PageClient, office: Server, address: str) -> None:
    answer = office_user.get(address.replace("{own}", "2"))
    assert answer.status_code == 403
    assert "What you may change of yourself is on your own page" in main_text(answer.text)
    assert "casey" in main_text(office_user.get("/account").text)


@pytest.mark.parametrize(
    ("address", "fields"),
    [
        ("/users/new", {"username": "forged", "password": OLD, "again": OLD, "is_staff": "true"}),
        ("/users/2", {"username": "forged", "is_staff": "true"}),
        ("/users/2/password", {"password": NEW, "again": NEW}),
        ("/users/1/deactivate", {}),
        ("/users/2/activate", {}),
        ("/account", {"old_password": STAFF[1], "password": NEW, "again": NEW}),
    ],
)
def test_forged_forms_and_forms_of_others_change_nothing(
    office: Server, office_staff: PageClient, office_user: PageClient, address: str, fields: dict[str, str]
) -> None:
    with office.client() as api:
        before = api.post("/v1/users/list").json(), api.get("/v1/history?limit=1").json()
        forged = office_staff.http.post(address, data=fields, headers={"Accept": "text/html"})
        assert forged.status_code == 403
        assert "was not sent from a page of this server" in forged.text
        if address != "/account":
            assert office_user.post(address, **fields).status_code == 403
        after = api.post("/v1/users/list").json(), api.get("/v1/history?limit=1").json()
    assert [{**each, "last_login": None} for each in after[0]] == [{**each, "last_login": None} for each in before[0]]
    assert after[1] == before[1]


def test_no_page_and_no_log_has_a_password(office: Server, office_staff: PageClient) -> None:
    pages = "".join(office_staff.get(address).text for address in ("/history", "/audit", "/users", "/account"))
    for password in (OLD, NEW, STAFF[1]):
        assert password not in pages
        assert password not in office.log


@pytest.mark.parametrize(
    "path", ["/account", "/users/new", "/users/1", "/tokens", "/nodes/workers", "/prefetch/new", "/images/new"]
)
def test_after_a_mistake_the_focus_is_on_it_and_the_words_are_the_forms(office_staff: PageClient, path: str) -> None:
    wrong = office_staff.post(path, password="x", username="", expires_in="soon", before_username="admin")
    assert wrong.status_code == 422
    assert re.findall(r"<(\w+)[^>]* autofocus", wrong.text) == ["div"]
    assert "The field " not in main_text(wrong.text)
