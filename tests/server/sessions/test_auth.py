"""Logging in: tokens of two kinds, and 401 for whatever is wrong with one."""

import base64
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx2
import jwt
import orjson
import pytest

from tests.answers import refused
from tests.conftest import USER, Service
from tests.inprocess import client, running_app


@pytest.fixture
def tokens(service: Service) -> dict[str, str]:
    """A pair of tokens of the ordinary user."""
    answer = service.anonymous.post("/v1/auth/obtain", json={"username": USER[0], "password": USER[1]})
    assert answer.status_code == 200
    assert set(answer.json()) == {"access", "refresh"}
    pair: dict[str, str] = answer.json()
    return pair


def with_token(service: Service, authorization: str) -> httpx2.Response:
    """A read with that Authorization header."""
    return service.anonymous.post("/v1/docker/list", headers={b"Authorization": authorization.encode("latin-1")})


def test_an_access_token_opens_the_api(service: Service, tokens: dict[str, str]) -> None:
    assert with_token(service, f"Bearer {tokens['access']}").status_code == 200
    assert with_token(service, f"bearer {tokens['access']}").status_code == 200


def test_a_refresh_token_gets_a_new_access_token(service: Service, tokens: dict[str, str]) -> None:
    answer = service.anonymous.post("/v1/auth/refresh", json={"refresh": tokens["refresh"]})
    assert answer.status_code == 200
    assert set(answer.json()) == {"access"}
    assert with_token(service, f"Bearer {answer.json()['access']}").status_code == 200


@pytest.mark.parametrize("use", ["access", "refresh"])
def test_a_good_token_is_verified_with_an_empty_object(service: Service, tokens: dict[str, str], use: str) -> None:
    answer = service.anonymous.post("/v1/auth/verify", json={"token": tokens[use]})
    assert (answer.status_code, answer.json()) == (200, {})


def test_a_token_is_good_only_for_what_it_was_made_for(service: Service, tokens: dict[str, str]) -> None:
    refused(with_token(service, f"Bearer {tokens['refresh']}"), 401)
    refused(service.anonymous.post("/v1/auth/refresh", json={"refresh": tokens["access"]}), 401)


def forged(token: str, **claims: Any) -> str:
    """The token with other claims, signed with another key."""
    payload = jwt.decode(token, options={"verify_signature": False})
    return jwt.encode(payload | claims, "not the key, but every bit as long as one", algorithm="HS256")


def unsigned(token: str) -> str:
    """The token, saying that it needs no signature."""
    header = base64.urlsafe_b64encode(orjson.dumps({"alg": "none", "typ": "JWT"})).rstrip(b"=").decode()
    return f"{header}.{token.split('.')[1]}."


BAD = (
    "",
    "Bearer",
    "Bearer ",
    "Bearer x",
    "Bearer a.b.c",
    "Basic YWRtaW46YWRtaW4=",
    "Token {access}",
    "{access}",
    "Bearer {access}x",
    "Bearer {access} {access}",
    "Bearer {forged}",
    "Bearer {unsigned}",
    "Bearer {admin}",
    "Bearer " + "a" * 7000,
    "Bearer \xff\xfe",
)


@pytest.mark.parametrize("authorization", BAD)
def test_whatever_is_wrong_with_a_token_is_401_with_a_challenge(
    service: Service, tokens: dict[str, str], authorization: str
) -> None:
    access = tokens["access"]
    text = authorization.format(
        access=access, forged=forged(access), unsigned=unsigned(access), admin=forged(access, sub="1")
    )
    answer = with_token(service, text)
    refused(answer, 401, code="unauthenticated")
    assert answer.headers["www-authenticate"].lower().startswith("bearer")


def test_no_credentials_are_401(service: Service) -> None:
    answer = service.anonymous.post("/v1/docker/list")
    refused(answer, 401, code="unauthenticated")
    assert answer.headers["www-authenticate"].lower().startswith("bearer")


@pytest.mark.parametrize("field", ["refresh", "verify"])
@pytest.mark.parametrize("token", ["x", "a.b.c", "{forged}", "{unsigned}", "ü"])
def test_a_bad_token_in_a_body_is_401_too(service: Service, tokens: dict[str, str], field: str, token: str) -> None:
    text = token.format(forged=forged(tokens["refresh"]), unsigned=unsigned(tokens["refresh"]))
    body = {"refresh": text} if field == "refresh" else {"token": text}
    refused(service.anonymous.post(f"/v1/auth/{field}", json=body), 401)


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        ("obtain", {"username": "admin"}, "password"),
        ("obtain", {"password": "x"}, "username"),
        ("obtain", {"username": "admin", "password": 5}, "password"),
        ("obtain", {"username": None, "password": "x"}, "username"),
        ("obtain", {"username": "admin", "password": "x", "otp": 1}, "otp"),
        ("refresh", {}, "refresh"),
        ("refresh", {"token": "x", "refresh": "y"}, "token"),
        ("verify", {"token": 7}, "token"),
    ],
)
def test_an_incomplete_log_in_is_refused_by_name(shared: Service, path: str, body: dict[str, Any], field: str) -> None:
    answer = shared.anonymous.post(f"/v1/auth/{path}", json=body)
    refused(answer, 422, field=field)


def test_a_wrong_password_and_an_unknown_user_cannot_be_told_apart(service: Service) -> None:
    answers = [
        service.anonymous.post("/v1/auth/obtain", json={"username": username, "password": "wrong"})
        for username in (USER[0], "nobody-of-that-name")
    ]
    first, second = (refused(answer, 401) for answer in answers)
    assert first == second


def test_an_unknown_user_takes_as_long_as_a_wrong_password(service: Service) -> None:
    took: dict[str, float] = {}
    for username in (USER[0], "nobody-of-that-name"):
        times = []
        for _ in range(5):
            begin = time.perf_counter()
            service.anonymous.post("/v1/auth/obtain", json={"username": username, "password": "wrong"})
            times.append(time.perf_counter() - begin)
        took[username] = min(times)
    assert min(took.values()) > 0.3 * max(took.values())


def test_too_many_attempts_are_429_and_say_when_to_come_back(service: Service) -> None:
    wrong = {"username": USER[0], "password": "wrong"}
    statuses = [
        service.anonymous.post("/v1/auth/obtain", json=wrong).status_code
        for _ in range(service.settings.login_attempts)
    ]
    assert set(statuses) == {401}
    answer = service.anonymous.post("/v1/auth/obtain", json=wrong)
    refused(answer, 429, code="too_many_attempts")
    assert 0 < int(answer.headers["retry-after"]) <= 300
    right = {"username": USER[0], "password": USER[1]}
    refused(service.anonymous.post("/v1/auth/obtain", json=right), 429)
    other = service.anonymous.post("/v1/auth/obtain", json={"username": "admin", "password": "wrong"})
    refused(other, 401)


def test_guesses_sent_at_once_are_counted_one_by_one(service: Service) -> None:
    allowed = service.settings.login_attempts

    def guess(number: int) -> int:
        body = {"username": USER[0], "password": f"guess {number}"}
        with service.client() as client:
            return client.post("/v1/auth/obtain", json=body).status_code

    with ThreadPoolExecutor(2 * allowed) as threads:
        statuses = list(threads.map(guess, range(2 * allowed)))
    assert (statuses.count(401), statuses.count(429)) == (allowed, allowed)


def test_a_good_log_in_forgets_the_bad_ones(service: Service) -> None:
    for _ in range(3):
        for password in ["wrong"] * (service.settings.login_attempts - 1):
            service.anonymous.post("/v1/auth/obtain", json={"username": USER[0], "password": password})
        good = service.anonymous.post("/v1/auth/obtain", json={"username": USER[0], "password": USER[1]})
        assert good.status_code == 200


def test_tokens_carry_the_lifetimes_of_the_settings(service: Service) -> None:
    settings = service.settings.model_copy(update={"access_token_minutes": 15, "refresh_token_days": 14})
    with running_app(settings, service.loop) as app, client(app, service.loop) as anonymous:
        body = {"username": USER[0], "password": USER[1]}
        pair = anonymous.post("/v1/auth/obtain", json=body).json()
    now = time.time()
    for token, seconds in ((pair["access"], 15 * 60), (pair["refresh"], 14 * 86400)):
        claims = jwt.decode(token, options={"verify_signature": False})
        assert abs(claims["exp"] - now - seconds) < 60


def signed(service: Service, token: str, **claims: Any) -> str:
    """The token with other claims, signed with the server's key."""
    key = (service.settings.home / "signing.key").read_text().strip()
    payload = jwt.decode(token, options={"verify_signature": False})
    return jwt.encode(payload | claims, key, algorithm="HS256")


@pytest.mark.parametrize("ahead_seconds", [2, 10, 45])
def test_a_token_of_a_process_whose_clock_is_a_little_ahead_is_good(
    service: Service, tokens: dict[str, str], ahead_seconds: int
) -> None:
    made = int(time.time()) + ahead_seconds
    access, refresh = (signed(service, tokens[use], iat=made, nbf=made) for use in ("access", "refresh"))
    assert with_token(service, f"Bearer {access}").status_code == 200
    assert service.anonymous.post("/v1/auth/refresh", json={"refresh": refresh}).status_code == 200
    for token in (access, refresh):
        assert service.anonymous.post("/v1/auth/verify", json={"token": token}).status_code == 200
    early = signed(service, tokens["access"], iat=made + 3600)
    refused(with_token(service, f"Bearer {early}"), 401)


@pytest.mark.parametrize("use", ["access", "refresh"])
def test_an_expired_token_is_401(service: Service, tokens: dict[str, str], use: str) -> None:
    key = (service.settings.home / "signing.key").read_text().strip()
    claims = jwt.decode(tokens[use], options={"verify_signature": False})
    algorithm = jwt.get_unverified_header(tokens[use])["alg"]
    still_good = jwt.encode(claims, key, algorithm=algorithm)
    assert service.anonymous.post("/v1/auth/verify", json={"token": still_good}).status_code == 200
    expired = jwt.encode(claims | {"exp": int(time.time()) - 5}, key, algorithm=algorithm)
    refused(service.anonymous.post("/v1/auth/verify", json={"token": expired}), 401)
    if use == "access":
        refused(with_token(service, f"Bearer {expired}"), 401)
    else:
        refused(service.anonymous.post("/v1/auth/refresh", json={"refresh": expired}), 401)


def test_credentials_are_checked_before_rights_and_both_before_the_body(service: Service) -> None:
    refused(service.anonymous.post("/v1/docker/create", content=b"{"), 401)
    refused(service.user.post("/v1/docker/create", content=b"{"), 403)
    refused(service.staff.post("/v1/docker/create", content=b"{"), 400)


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/openapi.json", "/docs"])
def test_health_and_documentation_are_open(service: Service, path: str) -> None:
    assert service.anonymous.get(path).status_code == 200
