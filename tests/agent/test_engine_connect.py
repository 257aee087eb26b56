"""The one boundary around Docker's SDK: an engine behind TLS, by a context, and everything that is none, as one sentence."""

import json
import os
import shutil
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from bayplan.agent.engine import connect
from bayplan.agent.engine_errors import EngineFailed
from tests.agent.test_engine_address import meta, write_context
from tests.registry.certificates import Certificate, self_signed

VERSION = {"ApiVersion": "1.41", "Version": "20.10.24", "Components": [{"Name": "Engine", "Version": "20.10.24"}]}


@contextmanager
def answering(body: bytes, certificate: Certificate | None = None) -> Iterator[int]:
    """The port of a server that answers everything with that body, behind TLS with a certificate."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:  # the name that the method has to have
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *words: object) -> None:
            pass

    class Http(HTTPServer):
        def handle_error(self, *about: object) -> None:
            """Who hangs up is no error of the tests'."""

    with Http(("127.0.0.1", 0), Handler) as http:
        if certificate is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate.certificate, certificate.key)
            http.socket = context.wrap_socket(http.socket, server_side=True)
        thread = threading.Thread(target=http.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield http.server_address[1]
        finally:
            http.shutdown()
            thread.join()


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of docker's configuration, and no variable of docker's but that."""
    for name in ("DOCKER_HOST", "DOCKER_CONTEXT", "DOCKER_TLS_VERIFY", "DOCKER_TLS", "DOCKER_CERT_PATH"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "nothing"))
    return tmp_path


@pytest.mark.parametrize(
    "body",
    [b"", b"<html>", b"[]", b"null", b"3", b'{"ApiVersion": 3}', b'{"ApiVersion": "x"}', b"{}", b"\xff", b"[" * 9_999],
)
def test_an_answer_that_is_none_of_an_engine_is_one_sentence(folder: Path, body: bytes) -> None:
    with answering(body) as port, pytest.raises(EngineFailed, match="is no container engine") as error:
        connect(f"tcp://127.0.0.1:{port}")
    assert error.value.code == "engine_unreachable"
    assert "\n" not in error.value.detail


def test_whoever_speaks_no_http_is_one_sentence(folder: Path) -> None:
    def hang_up(listener: socket.socket) -> None:
        for text in (b"SSH-2.0-OpenSSH_9.2\r\n", b""):
            with listener.accept()[0] as connection:
                connection.sendall(text)

    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        threading.Thread(target=hang_up, args=(listener,), daemon=True).start()
        for _ in range(2):
            with pytest.raises(EngineFailed):
                connect(f"tcp://127.0.0.1:{listener.getsockname()[1]}")


def test_an_engine_behind_tls_by_a_context(folder: Path) -> None:
    (folder / "own").mkdir()
    own = self_signed(folder / "own", "engine")
    with answering(json.dumps(VERSION).encode(), own) as port:
        address = f"tcp://127.0.0.1:{port}"
        tls = write_context(folder, "safe", meta(address), "ca.pem")
        (folder / "config.json").write_text('{"currentContext": "safe"}')
        (tls / "ca.pem").write_bytes(own.certificate.read_bytes())
        with connect() as engine:
            assert (engine.name, engine.version, engine.data_root) == ("Docker", "20.10.24", None)
        (tls / "ca.pem").write_text("no certificate")
        with pytest.raises(EngineFailed):
            connect()
        write_context(folder, "loose", meta(address, SkipTLSVerify=True))
        (folder / "config.json").write_text('{"currentContext": "loose"}')
        with connect() as engine:
            assert engine.address == address
        with pytest.raises(EngineFailed):
            connect(address)


def test_a_folder_that_this_user_may_not_enter_is_a_sentence(folder: Path) -> None:
    """As somebody whose the folder is not: root without the right to pass over who owns a file."""
    setpriv = shutil.which("setpriv")
    if setpriv is None or os.geteuid() != 0:
        pytest.skip("it takes root and setpriv (util-linux)")
    hidden = folder / "hidden"
    hidden.mkdir(mode=0o700)
    (hidden / "cert.pem").touch()
    os.chown(hidden, 65534, 65534)
    command = [setpriv, "--bounding-set=-dac_override,-dac_read_search", sys.executable, "-c", _CONNECT, str(hidden)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    no_engine, no_certificate = done.stdout.splitlines()
    assert f"No container engine runs on this machine (none at {hidden}/socket)" in no_engine
    assert f"{hidden}/ca.pem" in no_certificate
    assert "cannot be read (Permission denied)" in no_certificate


_CONNECT = """
import os, sys
from pathlib import Path
from bayplan.agent.engine import connect
from bayplan.agent.engine_errors import EngineFailed
try:
    connect(sockets=(Path(sys.argv[1]) / "socket",))
except EngineFailed as error:
    print(error.detail)
os.environ |= {"DOCKER_CERT_PATH": sys.argv[1], "DOCKER_TLS_VERIFY": "1"}
try:
    connect("tcp://127.0.0.1:1")
except EngineFailed as error:
    print(error.detail)
"""
