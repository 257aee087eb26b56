"""The client and TLS: a certificate that nobody vouches for is refused, one that the environment names is not."""

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping

import pytest

from tests.registry.running import Registry, running_registry

ASK = "import sys; from bayplan.client import Client; Client(sys.argv[1], token='x').images.list()"


@pytest.fixture(scope="module")
def secured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    """A server with TLS and a certificate of its own; what it serves does not matter."""
    with running_registry("tls", tmp_path_factory.mktemp("tls")) as registry:
        yield registry


def said(registry: Registry, scheme: str, environment: Mapping[str, str]) -> str:
    """What the client says of it, in a process of its own."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("SSL_CERT_")}
    command = [sys.executable, "-c", ASK, f"{scheme}://{registry.host}"]
    ended = subprocess.run(command, env={**kept, **environment}, capture_output=True, text=True, timeout=60)
    return ended.stderr.strip().splitlines()[-1]


def test_a_certificate_that_nobody_vouches_for_is_refused(secured: Registry) -> None:
    assert "No secure connection" in said(secured, "https", {})


def test_one_that_the_environment_names_is_trusted(secured: Registry) -> None:
    assert "does not answer as bayplan does (status 404)" in said(secured, "https", {"SSL_CERT_FILE": str(secured.ca)})


def test_a_server_that_wants_tls_is_not_spoken_to_without(secured: Registry) -> None:
    # Its answer may be lost when it hangs up on what it has not read.
    expected = ("does not answer as bayplan does (status 400)", f"The connection to http://{secured.host} broke")
    assert any(sentence in said(secured, "http", {}) for sentence in expected)
