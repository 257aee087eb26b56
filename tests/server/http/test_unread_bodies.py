"""An answer that is ready before the body has come reaches the client, however much of the body is left."""

import shutil
import socket
import subprocess
import urllib.error
import urllib.request
from pathlib import Path

import httpx2
import pytest

from tests.process import Server

SIZE = 24 * 1024 * 1024
"""More than sockets buffer, and six times what is read of a body."""


def by_urllib(url: str, body: bytes, token: str) -> int:
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}  # it closes each connection
    try:
        with urllib.request.urlopen(urllib.request.Request(url, body, headers), timeout=60) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


def by_httpx(url: str, body: bytes, token: str) -> int:
    return httpx2.post(url, content=body, headers={"Authorization": f"Bearer {token}"}, timeout=60).status_code


def in_chunks(url: str, body: bytes, token: str) -> int:
    parts = (body[at : at + 65536] for at in range(0, len(body), 65536))
    return httpx2.post(url, content=parts, headers={"Authorization": f"Bearer {token}"}, timeout=60).status_code


@pytest.mark.parametrize("send", [by_urllib, by_httpx, in_chunks])
@pytest.mark.parametrize(
    ("path", "token", "status"),
    [
        ("/v1/docker/list", None, 413),
        ("/v1/docker/list", "x.y.z", 401),
        ("/v1/nothing", None, 404),
        ("/v1/docker/1", None, 405),
    ],
)
def test_the_client_sees_the_status(server: Server, send: object, path: str, token: str | None, status: int) -> None:
    assert callable(send)
    assert send(server.url + path, b" " * SIZE, token or server.token()) == status


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_curl_sees_the_status(server: Server, tmp_path: Path) -> None:
    body = tmp_path / "body"
    body.write_bytes(b" " * SIZE)
    for options in ((), ("-H", "Expect:")):
        command = ["curl", "-sS", "-o", "/dev/null", "-w", "%{http_code} %{size_upload}", "--data-binary", f"@{body}"]
        command += ["-H", f"Authorization: Bearer {server.token()}", *options, f"{server.url}/v1/docker/list"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
        status, sent = done.stdout.split()
        assert status == "413"
        assert options or sent == "0", "it waited for leave to send"


@pytest.mark.parametrize(("length", "token", "status"), [(SIZE, "", b"413"), (20, "x.y.z", b"401"), (2, "", b"100")])
def test_a_client_that_waits_for_leave_is_refused_without_it(
    server: Server, length: int, token: str, status: bytes
) -> None:
    head = (
        f"POST /v1/docker/list HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token or server.token()}\r\n"
        f"Content-Length: {length}\r\nExpect: 100-continue\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", server.port), timeout=20) as client:
        client.sendall(head.encode())
        answer = client.recv(65536)
        assert answer.split()[1] == status
        if status == b"100":
            client.sendall(b"{}")
            assert client.recv(65536).split()[1] == b"200"
            return
        while part := client.recv(65536):
            answer += part
        assert b"connection: close" in answer.lower(), "the rest of the body would be taken for the next request"
