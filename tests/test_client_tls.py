"""The client and TLS: it refuses a certificate that no authority signed, unless the environment names it."""

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping

import pytest

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


def test_a_server_that_wants_tls_is_not_spoken_to_without(secured: Registry) -> None:
    # Its answer may be lost when it hangs up on what it has not read.
    expected = ("does not answer as bayplan does (status 400)", f"The connection to http://{secured.host} broke")
    assert any(sentence in client_error(secured, "http", {}) for sentence in expected)
