"""Whatever a server or the network does, the client raises an error of bayplan, with one sentence and without a secret."""

import contextlib
import json
import socket
import struct
import threading
import zlib
from collections.abc import Callable, Iterator

import httpx2
import pytest

from bayplan.client import Client, Tokens
from bayplan.client.http import BoundedTransport
from bayplan.errors import BayplanError, Invalid, Unreachable

TOKEN = "eyJhbGciOi.a-secret.token"
JSON = "Content-Type: application/json\r\n"


class Script:
    """A server that sends the bytes of its list, one for each connection, and the last one ever after."""

    def __init__(self) -> None:
        self.answers: list[bytes | Callable[[socket.socket], None]] = [b""]
        self.requests: list[bytes] = []
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listening.getsockname()[1]}"
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listening.accept()
            except OSError:
                return
            with connection, contextlib.suppress(OSError):  # the client may have gone
                answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
                self.requests.append(connection.recv(65536))
                if callable(answer):
                    answer(connection)
                else:
                    connection.sendall(answer)

    def close(self) -> None:
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()


@pytest.fixture
def script() -> Iterator[Script]:
    """A server of `Script`."""
    server = Script()
    yield server
    server.close()


def answer(body: bytes | str, headers: str = JSON, status: str = "200 OK") -> bytes:
    """An answer of HTTP that closes its connection."""
    content = body.encode() if isinstance(body, str) else body
    return (
        f"HTTP/1.1 {status}\r\n{headers}Content-Length: {len(content)}\r\nConnection: close\r\n\r\n".encode() + content
    )


def reset(connection: socket.socket) -> None:
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def compressed(size: int, parts: int) -> bytes:
    """So many parts of so many bytes each, in the gzip form."""
    packer = zlib.compressobj(wbits=31)
    begin = packer.compress(b"[") + packer.flush(zlib.Z_FULL_FLUSH)
    part = packer.compress(b" " * size) + packer.flush(zlib.Z_FULL_FLUSH)
    return begin + part * parts


NOT_BAYPLAN = r"does not answer as bayplan does \(.*\); check the address\.$"
BROKE = r"^The connection to http://127\.0\.0\.1:\d+ broke \(.+\); try again\.$"

ANSWERS: list[tuple[str, bytes | Callable[[socket.socket], None], str]] = [
    ("nothing", b"", BROKE),
    ("a reset", reset, BROKE),
    ("garbage", b"SSH-2.0-OpenSSH_9.6\r\n", BROKE),
    ("TLS", b"\x15\x03\x01\x00\x02\x02\x46", BROKE),
    ("endless headers", b"HTTP/1.1 200 OK\r\nX: " + b"x" * 200_000, BROKE),
    ("half of the headers", b"HTTP/1.1 200 OK\r\nContent-Ty", BROKE),
    ("half of the body", b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n[", BROKE),
    ("half of a chunk", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n[", BROKE),
    ("a chunk without a length", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n[", BROKE),
    ("two lengths", b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n[]", BROKE),
    ("no length at all", b"HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n[]", BROKE),
    ("what is no gzip", answer("[]", JSON + "Content-Encoding: gzip\r\n"), NOT_BAYPLAN),
    ("half of a gzip", answer(compressed(9, 9)[:20], JSON + "Content-Encoding: gzip\r\n"), NOT_BAYPLAN),
    ("what is no deflate", answer("[]", JSON + "Content-Encoding: deflate\r\n"), NOT_BAYPLAN),
    ("text that is no UTF-8", answer(b'["\xff"]'), NOT_BAYPLAN),
    ("an unknown charset", answer("[", "Content-Type: application/json; charset=\x7f\r\n"), r"."),
    ("deep JSON", answer("[" * 100_000), NOT_BAYPLAN),
    ("a long number", answer("9" * 100_000), NOT_BAYPLAN),
    ("a redirect", answer("", "Location: /v1/domains/list\r\n", "307 Temporary Redirect"), NOT_BAYPLAN),
    ("a redirect to nowhere", answer("", "Location: http://[\r\n", "302 Found"), NOT_BAYPLAN),
    ("an object in place of a list", answer('{"pk": 1}'), NOT_BAYPLAN),
    ("a list of other things", answer('[{"pk": 1}, 2]'), NOT_BAYPLAN),
    ("a problem of another kind", answer('{"code": 1, "detail": "No.", "errors": [1]}', status="422 No"), r"^No\.$"),
]


@pytest.mark.parametrize(("answered", "sentence"), [pytest.param(*rest, id=name) for name, *rest in ANSWERS])
def test_an_answer_that_is_none(
    script: Script, answered: bytes | Callable[[socket.socket], None], sentence: str
) -> None:
    script.answers = [answered]
    with Client(script.url, token=TOKEN, timeout_seconds=5) as client:
        with pytest.raises(BayplanError, match=sentence) as refused:
            client.domains.list()
        assert TOKEN not in refused.value.detail
        assert "\n" not in refused.value.detail
        with pytest.raises(BayplanError):
            list(client.history())


@pytest.mark.parametrize("body", ["[]", "{}", '{"access": 1}', '{"access": "a\\nb", "refresh": "r"}', '"text"', "7"])
def test_an_answer_without_tokens(script: Script, body: str) -> None:
    script.answers = [answer(body)]
    with pytest.raises(Unreachable, match=r"without tokens"), Client(script.url) as client:
        client.log_in("kim", "a password")
    with pytest.raises(Unreachable, match=r"without tokens"):
        Client(script.url, tokens=Tokens(None, "r")).domains.list()


def test_a_link_to_the_next_page_that_is_no_address(script: Script) -> None:
    script.answers = [answer("[]", JSON + 'Link: <http://[>; rel="next"\r\n')]
    with Client(script.url, token=TOKEN) as client:
        assert list(client.history()) == []


def test_pages_without_anything_are_the_last_ones(script: Script) -> None:
    script.answers = [answer("[]", JSON + f'Link: </v1/x?after={n}>; rel="next"\r\n') for n in range(2)]
    with Client(script.url, token=TOKEN) as client:
        assert list(client.images.each()) == []
        assert list(client.history()) == []


def test_an_answer_that_grows_when_it_is_decompressed_is_not_read_to_its_end(script: Script) -> None:
    bomb = compressed(1024 * 1024, 64)
    assert len(bomb) < 128 * 1024
    script.answers = [answer(bomb, JSON + "Content-Encoding: gzip\r\n")]
    bounded = BoundedTransport(httpx2.HTTPTransport(trust_env=False), "the server", 16 * 1024 * 1024)
    with (
        httpx2.Client(transport=bounded, trust_env=False) as client,
        pytest.raises(
            Unreachable, match=r"^the server does not answer as bayplan does \(with more than 16 MiB\); check"
        ),
    ):
        client.get(script.url)


def test_nobody_has_that_name() -> None:
    reason = r"^Nothing answers at http://catalogue\.invalid \(Name or service not known\): is"
    with Client("http://catalogue.invalid", token=TOKEN) as client, pytest.raises(Unreachable, match=reason):
        client.domains.list()


@pytest.mark.parametrize(
    "address",
    [
        "http://" + "a" * 64 + ".example",
        "http://a..example",
        "http://\u00e4..example",
        "http://exa\tmple.org",
        "http://example.org\n.net",
        "http://example.org/\x00",
        "http://ex\x7fample.org",
        "http://[fe80::1%",
        "http://example.org:port",
        "\udcff",
    ],
)
def test_an_address_that_is_none(address: str) -> None:
    with pytest.raises(Invalid, match=r"is no server's address; write it like"):
        Client(address, token=TOKEN)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), "\udcff", {"a": "\udcff"}], ids=repr)
def test_a_body_that_is_no_json(script: Script, value: object) -> None:
    with Client(script.url, token=TOKEN) as client, pytest.raises(Invalid, match=r"of this request is"):
        client.images.create({"name": value})


def test_parts_of_a_request_that_cannot_be_sent(script: Script) -> None:
    with Client(script.url, token=TOKEN) as client:
        for word in ("\udcff", "\u00e4", "a\nb"):
            with pytest.raises(Invalid, match=r"[Tt]his request has a "):
                client.images.delete(1, if_match=word)
        with pytest.raises(Invalid, match=r"^This request "):
            client.hardware.of("\x00")
        with pytest.raises(Invalid, match=r"^This request "):
            client.credentials.audit(name="\udcff")
    with Client(script.url, username="kim", password="\udcff") as client, pytest.raises(Invalid):
        client.domains.list()


@pytest.mark.parametrize("around", ["{}\n", "{}\r\n", "\t {} ", "\ufeff{}\r", "\u00a0{}\u2028"])
def test_white_space_around_a_token_is_no_part_of_it(script: Script, around: str) -> None:
    script.answers = [answer("[]")]
    with Client(script.url, token=around.format(TOKEN)) as client:
        assert client.domains.list() == []
    assert f"authorization: bearer {TOKEN}\r\n".encode() in script.requests[0].replace(
        b"Authorization: B", b"authorization: b"
    )


@pytest.mark.parametrize(
    ("token", "reason"),
    [
        ("", "it is empty"),
        (" \n", "it is empty"),
        (f"{TOKEN}\n{TOKEN}", "it has white space inside"),
        (f"Bearer {TOKEN}", "it has white space inside"),
        (f"{TOKEN}\x00", "it has a character that no token has"),
        (f"{TOKEN}\x1b[0m", "it has a character that no token has"),
        (f"t\u00f6{TOKEN}", "it has a character that no token has"),
        (f"{TOKEN}\udcff", "it has a character that no token has"),
    ],
)
def test_a_text_that_is_no_token_is_not_shown(token: str, reason: str) -> None:
    for tokens in ({"token": token}, {"tokens": Tokens(token, "r")}):
        with pytest.raises(Invalid) as refused:
            Client("http://127.0.0.1:9", **tokens)
        assert refused.value.detail == f"This is no access token: {reason}."
        assert json.dumps(token)[1:8] not in repr(refused.value) or not token.strip()
    assert TOKEN not in repr(Tokens(TOKEN, TOKEN))
