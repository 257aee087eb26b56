"""Logging in and out of the pages, what a session opens, forged requests, errors, and files."""

import re

import httpx2
import pytest

from bayplan.server.http.security_headers import SECURITY_HEADERS
from bayplan.web.page import PageRoute
from bayplan.web.routes import PAGES
from tests.process import ADMIN_PASSWORD, Server
from tests.web.conftest import STAFF, USER, PageClient, page_client

BROWSER = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
WRONG = "The user name or the password is wrong."


def logged_in(client: PageClient, following: str = "", **headers: str) -> httpx2.Response:
    """What the log-in form of an ordinary user is answered with; it leaves no cookie."""
    fields = {"username": USER[0], "password": USER[1]}
    query = {"next": following} if following else {}
    answer = client.http.post("/login", params=query, data=fields, headers={**BROWSER, **headers})
    client.http.cookies.clear()
    return answer


def test_who_is_not_logged_in_comes_back_to_the_page(as_nobody: PageClient) -> None:
    sent = as_nobody.get("/?a=b%20c&d=%C3%A9")
    assert sent.headers["location"] == "/login?next=/%3Fa%3Db%2520c%26d%3D%25C3%25A9"
    form = as_nobody.get(sent.headers["location"])
    assert 'action="/login?next=/%3Fa%3Db%2520c%26d%3D%25C3%25A9"' in form.text
    assert logged_in(as_nobody, "/?a=b%20c&d=%C3%A9").headers["location"] == "/?a=b%20c&d=%C3%A9"
    odd = as_nobody.get("/nodes/workers/a%3Fb%20%C3%A9").headers["location"]
    assert odd == "/login?next=/nodes/workers/a%253Fb%2520%25C3%25A9"


@pytest.mark.parametrize(
    "elsewhere",
    [
        "//evil.example",
        "https://evil.example/",
        "/\\evil.example",
        "\\\\evil.example",
        "javascript:alert(1)",
        "/\t/evil.example",
    ],
)
def test_nobody_is_sent_to_another_server(as_nobody: PageClient, elsewhere: str) -> None:
    answer = logged_in(as_nobody, elsewhere)
    assert answer.status_code in (303, 422)
    assert answer.headers.get("location", "/") == "/"


def test_the_cookie_is_out_of_reach(as_nobody: PageClient) -> None:
    cookie = logged_in(as_nobody).headers["set-cookie"]
    assert {"HttpOnly", "SameSite=lax", "Path=/"} <= set(cookie.split("; "))
    assert "Secure" not in cookie
    behind_tls = logged_in(as_nobody, **{"X-Forwarded-Proto": "https"}).headers["set-cookie"]
    assert "Secure" in behind_tls.split("; ")


def test_a_wrong_name_and_a_wrong_password_are_answered_alike(as_nobody: PageClient) -> None:
    answers = [
        as_nobody.http.post("/login", data={"username": name, "password": "wrong"}, headers=BROWSER)
        for name in ("casey", "nobody-of-that-name")
    ]
    assert [answer.status_code for answer in answers] == [401, 401]
    assert all(WRONG in answer.text for answer in answers)
    assert answers[0].text.replace("casey", "") == answers[1].text.replace("nobody-of-that-name", "")
    assert "wrong" not in answers[0].text.replace(WRONG, "")


def test_a_field_that_is_empty_says_so_itself(as_nobody: PageClient) -> None:
    answer = as_nobody.http.post("/login", data={"username": " ", "password": ""}, headers=BROWSER)
    assert answer.status_code == 422
    for sentence in ("Type your user name.", "Type your password."):
        assert answer.text.count(sentence) == 1
    assert answer.text.count('aria-invalid="true"') == 2


def test_the_cookie_opens_no_route_of_the_api(as_staff: PageClient) -> None:
    assert as_staff.http.get("/v1/users/me").status_code == 401
    bearer = {"Authorization": f"Bearer {as_staff.session}"}
    with httpx2.Client(base_url=as_staff.http.base_url) as client:
        assert client.get("/v1/users/me", headers=bearer).status_code == 401
        for path in ("/v1/auth/refresh", "/v1/auth/verify"):
            assert (
                client.post(
                    path, json={path.rpartition("/")[2].replace("verify", "token"): as_staff.session}
                ).status_code
                == 401
            )


def test_no_other_token_opens_a_page(site: Server, as_nobody: PageClient) -> None:
    with site.client() as api:
        made = api.post("/v1/tokens/create", json={"name": "pages", "scopes": ["apply"]}).json()["token"]
    for token in (site.token(), made, "page:x", "not a token"):
        sent = as_nobody.get("/", Cookie=f"bayplan_session={token}")
        assert (sent.status_code, sent.headers["location"]) == (303, "/login")


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 303),
        ({"Sec-Fetch-Site": "same-origin"}, 303),
        ({"Sec-Fetch-Site": "none"}, 303),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "null"}, 403),
    ],
)
def test_a_form_of_another_server_is_refused(as_nobody: PageClient, headers: dict[str, str], status: int) -> None:
    assert logged_in(as_nobody, **headers).status_code == status


def test_a_form_has_the_token_of_its_own_session(site: Server, as_user: PageClient) -> None:
    with page_client(site, *STAFF) as staff:
        for token in ("", "0" * 64, "\N{SNOWMAN}"):
            answer = staff.http.post("/logout", data={"form_token": token}, headers=BROWSER)
            assert answer.status_code == 403
        others = as_user.get("/").text.partition('name="form_token" value="')[2][:64]
        assert staff.http.post("/logout", data={"form_token": others}, headers=BROWSER).status_code == 403
        answer = staff.post("/logout")
        assert answer.headers["location"] == "/login"
        assert "bayplan_session" not in staff.http.cookies
        assert "You are logged out." in staff.get("/login").text
        assert "You are logged out." not in staff.get("/login").text


def test_a_new_password_ends_the_session(site: Server) -> None:
    with site.client() as api:
        body = {"username": "sasha", "password": "sasha's long password", "is_staff": False}
        pk = api.post("/v1/users/create", json=body).json()["pk"]
        with page_client(site, "sasha", "sasha's long password") as sasha:
            assert sasha.get("/login").headers["location"] == "/"
            assert sasha.get("/").status_code == 200
            api.patch(f"/v1/users/{pk}", json={"password": "another long password"}).raise_for_status()
            assert sasha.get("/").status_code == 303


def test_guesses_are_limited_as_the_apis_are(site: Server, as_nobody: PageClient) -> None:
    with site.client() as api:
        body = {"username": "robin", "password": "robin's long password", "is_staff": False}
        api.post("/v1/users/create", json=body).raise_for_status()
    guess = {"username": "robin", "password": "x"}
    while (locked := as_nobody.http.post("/login", data=guess, headers=BROWSER)).status_code == 401:
        assert WRONG in locked.text
    assert locked.status_code == 429
    assert int(locked.headers["retry-after"]) > 0
    again = as_nobody.http.post("/v1/auth/obtain", json={"username": "robin", "password": body["password"]})
    assert again.status_code == 429
    sentence = re.sub(r"\d+ seconds", "", again.json()["detail"])
    assert sentence in re.sub(r"\d+ seconds", "", locked.text)


def test_bodies_are_bounded_and_forms(as_nobody: PageClient) -> None:
    http = as_nobody.http
    assert http.post("/login", data={"username": "x" * 70_000}, headers=BROWSER).status_code == 413
    assert http.post("/login", json={"username": "x"}, headers=BROWSER).status_code == 400
    for content in (b"username=%ff", b"username=\xff", b"a&" * 20_000):
        form = {"Content-Type": "application/x-www-form-urlencoded"}
        assert http.post("/login", content=content, headers=BROWSER | form).status_code in (400, 413)


@pytest.mark.parametrize("page", [page for page in PAGES if page.method == "POST"], ids=lambda page: page.path)
def test_no_page_reads_more_than_its_forms_have(as_staff: PageClient, page: PageRoute) -> None:
    path = page.path.replace("{pk}", "1").replace("{worker}", "w")
    sent = as_staff.http.post(path, data={"text": "x" * (4 << 20 if page.path == "/ask" else 600_000)}, headers=BROWSER)
    assert sent.status_code == 413


def test_errors_are_pages_for_browsers_and_json_for_programs(as_staff: PageClient) -> None:
    missing = as_staff.get("/nothing/here")
    assert missing.status_code == 404
    assert "<h1>Not Found</h1>" in missing.text
    assert "There is no page at /nothing/here." in missing.text
    assert "Log out" in missing.text
    assert "Overview" in missing.text
    assert as_staff.http.get("/nothing/here").headers["content-type"] == "application/problem+json"
    wrong = as_staff.http.put("/", headers=BROWSER)
    assert (wrong.status_code, wrong.headers["allow"]) == (405, "GET, HEAD")
    assert "<h1>Method Not Allowed</h1>" in wrong.text
    assert as_staff.get("/?colour=red").status_code == 422
    api = as_staff.get("/v1/nothing")
    assert api.headers["content-type"] == "application/problem+json"
    json = as_staff.http.get("/", headers={"Accept": "application/json"})
    assert (json.status_code, json.headers["content-type"]) == (404, "application/problem+json")


def test_hostile_paths_are_text(as_staff: PageClient) -> None:
    answer = as_staff.get("/<script>alert(1)</script>")
    assert "<script>alert" not in answer.text
    assert "&lt;script&gt;" in answer.text


def test_every_answer_has_the_headers(as_nobody: PageClient) -> None:
    for path in ("/", "/login", "/nothing", "/v1/nothing", "/healthz", "/docs", "/openapi.json", "/static/nothing.css"):
        answer = as_nobody.get(path)
        assert [answer.headers.get(name) for name, _ in SECURITY_HEADERS] == [value for _, value in SECURITY_HEADERS]


def test_files_are_kept_for_a_year_under_a_path_with_their_hash(as_nobody: PageClient) -> None:
    page = as_nobody.get("/login").text
    path = page.partition('rel="stylesheet" href="')[2].partition('"')[0]
    file = as_nobody.get(path)
    assert file.headers["content-type"] == "text/css; charset=utf-8"
    assert file.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert as_nobody.http.head(path).headers["content-length"] == str(len(file.content))
    assert as_nobody.get("/static/style.css").status_code == 404


def test_a_new_server_says_who_its_first_user_is(site: Server, as_nobody: PageClient, tmp_path_factory: object) -> None:
    assert "This server is new" not in as_nobody.get("/login").text  # admin has logged in
    assert ADMIN_PASSWORD not in as_nobody.get("/login").text
