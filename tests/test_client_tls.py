"""The client and TLS: it refuses a certificate that no authority signed, unless the environment names it."""

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from bayplan.client import Client
from bayplan.errors import CannotStart, Unreachable
from tests.registry.running import Registry, running_registry

ASK = "import sys; from bayplan.client import Client; Client(sys.argv[1], token='x').images.list()"


@pytest.fixture(scope="module")
def secured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    """A server with TLS and a certificate that no authority signed; its answers do not matter."""
    with running_registry("tls", tmp_path_factory.mktemp("tls")) as registry:
        yield registry


def client_error(registry: Registry, scheme: str, environment: Mapping[str, str]) -> str:
    """The last line of the error of a client of that server, in a process of its own."""
    variables = {name: value for name, value in os.environ.items() if not name.startswith("SSL_CERT_")}
    command = [sys.executable, "-c", ASK, f"{scheme}://{registry.host}"]
    completed = subprocess.run(command, env={**variables, **environment}, capture_output=True, text=True, timeout=60)
    return completed.stderr.strip().splitlines()[-1]


def test_a_certificate_that_nobody_vouches_for_is_refused(secured: Registry) -> None:
    assert "No secure connection" in client_error(secured, "https", {})


def test_a_certificate_that_the_environment_names_is_trusted(secured: Registry) -> None:
    assert "does not answer as bayplan does (status 404)" in client_error(
        secured, "https", {"SSL_CERT_FILE": str(secured.ca)}
    )


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("missing.pem", None, "cannot be read: No such file or directory."),
        ("empty.pem", "", "holds no certificate in PEM form that can be read."),
        ("words.pem", "hello\n", "holds no certificate in PEM form that can be read."),
        (
            "cut.pem",
            "-----BEGIN CERTIFICATE-----\nMIIB\n-----END",
            "holds no certificate in PEM form that can be read.",
        ),
        (".", None, "cannot be read: Is a directory."),
        ("words.pem/below", "hello\n", "cannot be read: Not a directory."),
    ],
)
def test_a_file_of_certificates_that_has_none(
    name: str, content: str | None, reason: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / name
    if content is not None:
        (tmp_path / name.partition("/")[0]).write_text(content)
    monkeypatch.setenv("SSL_CERT_FILE", str(file))
    with pytest.raises(CannotStart) as refused:
        Client("https://127.0.0.1:9", token="x")
    assert refused.value.detail == f"SSL_CERT_FILE: {file} {reason}"
    Client("http://127.0.0.1:9", token="x").close()  # nothing to check there


def test_a_folder_of_certificates_that_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    (tmp_path / "file").touch()
    for folders in (tmp_path / "missing", tmp_path / "file"):
        monkeypatch.setenv("SSL_CERT_DIR", f"{folders}:/nowhere")
        with pytest.raises(CannotStart, match=r"^SSL_CERT_DIR: .*:/nowhere is no folder\.$"):
            Client("https://127.0.0.1:9", token="x")


def test_a_folder_of_certificates(secured: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", "")
    monkeypatch.setenv("SSL_CERT_DIR", f"/nowhere:{tmp_path}")
    monkeypatch.setenv("SSLKEYLOGFILE", "/nowhere/keys")
    with (
        Client(f"https://{secured.host}", token="x") as client,
        pytest.raises(
            Unreachable, match=r"^No secure connection to .*; check the address, and SSL_CERT_DIR names who is"
        ),
    ):
        client.images.list()


def test_a_server_without_tls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with (
        running_registry("open", tmp_path) as registry,
        Client(f"https://{registry.host}", token="x") as client,
        pytest.raises(
            Unreachable, match=r"^No secure connection to .*: it does not speak TLS there; check the address, or"
        ),
    ):
        client.images.list()


def test_a_server_that_wants_tls_is_not_spoken_to_without(secured: Registry) -> None:
    # Its answer may be lost when it hangs up on what it has not read.
    expected = ("does not answer as bayplan does (status 400)", f"The connection to http://{secured.host} broke")
    error = client_error(secured, "http", {})
    assert any(sentence in error for sentence in expected), error
