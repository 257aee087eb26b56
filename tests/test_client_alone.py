"""The Python client without a bayplan server: addresses, filters, and answers of other servers."""

import json
import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar

import pytest

from bayplan.client import Client, Tokens, any_of, both, compare, contains, exact, is_null
from bayplan.client.responses import refusal
from bayplan.client.transport import server_address
from bayplan.errors import Invalid, TooManyAttempts, Unauthenticated, Unreachable


@contextmanager
def answering(status: int, body: str, headers: dict[str, str], wait_seconds: float = 0) -> Iterator[str]:
    """The address of a small server that gives that answer to every request."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            time.sleep(wait_seconds)
            self.send_response(status)
            for name, value in (headers | {"Content-Length": str(len(body))}).items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the name is the standard library's
            """Says nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{running.server_port}"
        running.shutdown()


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("http://127.0.0.1:8000", "http://127.0.0.1:8000"),
        ("http://127.0.0.1:8000/", "http://127.0.0.1:8000"),
        (" localhost:8000 ", "http://localhost:8000"),
        ("bayplan.example.org", "http://bayplan.example.org"),
        ("https://example.org/bayplan//", "https://example.org/bayplan"),
        ("http://[::1]:8000", "http://[::1]:8000"),
    ],
)
def test_a_servers_address(text: str, address: str) -> None:
    assert server_address(text) == address


@pytest.mark.parametrize("text", ["", "ftp://x", "a b", "http://", "http://x:99999", "http://x?y", "http://[::1"])
def test_a_text_that_is_no_address(text: str) -> None:
    with pytest.raises(Invalid, match=re.escape("is no server's address; write it like http://127.0.0.1:8000.")):
        server_address(text)


def test_no_server_answers() -> None:
    reason = r"Nothing answers at http://127.0.0.1:9 \(Connection refused\): is `bayplan serve` running there\?"
    with Client("http://127.0.0.1:9", token="x") as client, pytest.raises(Unreachable, match=reason):
        client.images.list()


@pytest.mark.parametrize(
    ("status", "body", "headers", "reason"),
    [
        (200, "<html>", {"Content-Type": "text/html"}, "does not answer as bayplan does (status 200); check"),
        (200, "{", {"Content-Type": "application/json"}, "does not answer as bayplan does (status 200); check"),
        (502, "Bad gateway", {"Content-Type": "text/plain"}, "does not answer as bayplan does (status 502); check"),
        (404, '{"error": "?"}', {"Content-Type": "application/json"}, "(status 404); check the address."),
        (301, "", {"Location": "https://example.org/"}, "(status 301 and sends on to https://example.org/); check"),
    ],
)
def test_an_answer_that_is_not_bayplans(status: int, body: str, headers: dict[str, str], reason: str) -> None:
    with answering(status, body, headers) as url, Client(url, token="x") as client:
        with pytest.raises(Unreachable) as refused:
            client.images.list()
        assert reason in refused.value.detail


def test_a_server_that_does_not_answer_in_time() -> None:
    with (
        answering(200, "[]", {}, wait_seconds=1) as url,
        Client(url, token="x", timeout_seconds=0.1) as client,
        pytest.raises(Unreachable, match=r"did not answer within 0.1 seconds; try again"),
    ):
        client.images.list()


def test_a_server_that_breaks_says_so() -> None:
    problem = {"code": "internal", "detail": "Something broke here.", "status": 500}
    with (
        answering(500, json.dumps(problem), {"Content-Type": "application/problem+json"}) as url,
        Client(url, token="x") as client,
        pytest.raises(Unreachable, match=r"^Something broke here\.$"),
    ):
        client.images.list()


def test_a_refusal_keeps_its_problems_and_when_to_come_back() -> None:
    answer = {
        "detail": "Two fields are wrong.",
        "code": "invalid",
        "errors": [{"field": "name", "code": "too_long", "detail": "It is too long."}, {"field": "cpu"}],
    }
    refused = refusal(422, answer)
    assert isinstance(refused, Invalid)
    assert [(problem.field, problem.code, problem.detail) for problem in refused.problems] == [
        ("name", "too_long", "It is too long."),
        ("cpu", "", ""),
    ]
    slow_down = refusal(429, {"detail": "Wait.", "code": "too_many_attempts"}, "17")
    assert isinstance(slow_down, TooManyAttempts)
    assert slow_down.retry_after_seconds == 17


@pytest.mark.parametrize("header", [None, "", "\u00b2", "9" * 5000, "-1", "1.5", "Wed, 21 Oct 2026 07:28:00 GMT"])
def test_a_retry_after_that_is_no_number_of_seconds_is_a_minute(header: str | None) -> None:
    slow_down = refusal(429, {"detail": "Wait.", "code": "too_many_attempts"}, header)
    assert isinstance(slow_down, TooManyAttempts)
    assert slow_down.retry_after_seconds == 60


def test_filters_are_the_apis_own_json() -> None:
    assert exact("cpu", False) == {"type": "exact", "field": "cpu", "value": False}
    assert exact("name", "a", case_insensitive=True, invert=True) == {
        "type": "exact",
        "field": "name",
        "value": "a",
        "case_insensitive": True,
        "invert": True,
    }
    assert contains("name", "torch") == {"type": "contains", "field": "name", "sub_string": "torch"}
    assert is_null("last_seen", invert=True) == {"type": "is_null", "field": "last_seen", "invert": True}
    assert compare("index", "<", 0) == {"type": "compare", "field": "index", "operator": "<", "value": 0}
    assert both(exact("a", 1), any_of()) == {
        "type": "and",
        "sub_expressions": [{"type": "exact", "field": "a", "value": 1}, {"type": "or", "sub_expressions": []}],
    }


class Recorder(BaseHTTPRequestHandler):
    """A server that takes the access token "new" alone, and gives it for the password "right"."""

    requests: ClassVar[list[tuple[str, str | None]]] = []

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        authorization = self.headers["Authorization"]
        self.requests.append((self.path, authorization))
        if self.path == "/v1/auth/obtain" and body.get("password") == "right":
            self.answer(200, {"access": "new", "refresh": "next"})
        elif authorization == "Bearer new":
            self.answer(200, [])
        else:
            self.answer(401, {"code": "unauthenticated", "detail": "Log in."})

    def answer(self, status: int, content: object) -> None:
        body = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the name is the standard library's
        """Says nothing."""


@pytest.fixture
def recording() -> Iterator[str]:
    """The address of a `Recorder`."""
    Recorder.requests.clear()
    with ThreadingHTTPServer(("127.0.0.1", 0), Recorder) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{running.server_port}/"
        running.shutdown()


def test_a_refused_token_is_renewed_by_refresh_token_and_then_by_credentials(recording: str) -> None:
    new_tokens: list[Tokens] = []
    with Client(
        recording, tokens=Tokens("old", "ended"), username="kim", password="right", on_tokens=new_tokens.append
    ) as client:
        client.domains.list()
        client.cuda.list()
    assert Recorder.requests == [
        ("/v1/domains/list", "Bearer old"),
        ("/v1/auth/refresh", None),
        ("/v1/auth/obtain", None),
        ("/v1/domains/list", "Bearer new"),
        ("/v1/cuda/list", "Bearer new"),
    ]
    assert new_tokens == [Tokens("new", "next")]


def test_credentials_that_are_refused_are_not_tried_again(recording: str) -> None:
    with (
        Client(recording, worker="w-1", secret="wrong") as client,
        pytest.raises(Unauthenticated, match=r"^Log in\.$"),
    ):
        client.domains.list()
    assert Recorder.requests == [("/v1/auth/obtain", None)]


def test_a_renewal_that_nobody_answers_says_so() -> None:
    with (
        answering(200, "{}", {}, wait_seconds=1) as url,
        Client(url, username="kim", password="right", timeout_seconds=0.1) as client,
        pytest.raises(Unreachable, match=r"did not answer within 0.1 seconds; try again"),
    ):
        client.domains.list()
