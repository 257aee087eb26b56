"""The engine's address in docker's order, and every form of it that docker does not understand as one sentence."""

import hashlib
import json
import os
from pathlib import Path
from typing import Any

import pytest

from bayplan.agent import engine_address
from bayplan.agent.docker_config import DockerConfig
from bayplan.agent.engine_address import EngineAddress, TlsFiles, parse
from bayplan.agent.engine_errors import EngineFailed


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("unix:///run/e.sock", "/run/e.sock"),
        (" unix:///run/e.sock/ ", "/run/e.sock"),
        ("unix:///run/a b#c?d", "/run/a b#c?d"),
        ("unix://", "/var/run/docker.sock"),
        ("unix://e.sock", f"{Path.cwd()}/e.sock"),
        ("tcp://127.0.0.1:2375", "http://127.0.0.1:2375"),
        ("tcp://127.0.0.1:2375/", "http://127.0.0.1:2375"),
        ("tcp://engine.example.org/behind/", "http://engine.example.org:2375/behind"),
        ("tcp://[::1]:2376", "http://[::1]:2376"),
        ("tcp://:2377", "http://localhost:2377"),
        ("tcp://", "http://localhost:2375"),
        ("127.0.0.1:2375", "http://127.0.0.1:2375"),
        ("TCP://A.example.org:1", "http://a.example.org:1"),
        ("https://e:1", "https://e:1"),
    ],
)
def test_an_address_as_docker_takes_it(text: str, place: str) -> None:
    address = parse(text, "--engine")
    assert (str(address.socket) if address.socket else address.url) == place


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("tcp://127.0.0.1:99999", "from 1 to 65535"),
        ("tcp://127.0.0.1:0", "from 1 to 65535"),
        ("tcp://127.0.0.1:-1", "from 1 to 65535"),
        ("tcp://127.0.0.1:abc", "from 1 to 65535"),
        ("127.0.0.1:abc", "from 1 to 65535"),
        ("tcp://::1:2375", "in brackets"),
        ("tcp://[::1:2375", "in brackets"),
        ("tcp://[x]:2375", "IPv6"),
        ("tcp://a..b:1", "neither a name nor an address"),
        ("tcp://a b:1", "neither a name nor an address"),
        (f"tcp://{'a' * 64}:1", "neither a name nor an address"),
        ("tcp://u:p@e:1", "a path at most"),
        ("tcp://e:1?x=1", "a path at most"),
        ("tcp://unix:///run/e.sock", "a path at most"),
        ("/run/e.sock", "unix:///run/e.sock"),
        ("unix:/run/e.sock", "unix:///run/e.sock"),
        ("ssh://me@e", "ssh -N -L"),
        ("npipe:////./pipe/docker_engine", "Windows"),
        ("fd://", "for the engine alone"),
        ("ftp://e:1", "unix:///PATH or tcp://HOST:PORT"),
        ("://", "unix:///PATH or tcp://HOST:PORT"),
    ],
)
def test_an_address_that_is_none_is_one_sentence_that_names_its_source(text: str, why: str) -> None:
    with pytest.raises(EngineFailed) as error:
        parse(text, "DOCKER_HOST")
    assert why in error.value.detail
    assert "DOCKER_HOST names it" in error.value.detail
    assert "\n" not in error.value.detail


def write_context(folder: Path, name: str, meta: Any, *certificates: str) -> Path:
    """Writes a docker context below a configuration folder; gives the folder of its certificates."""
    key = hashlib.sha256(name.encode()).hexdigest()
    file = folder / "contexts" / "meta" / key / "meta.json"
    file.parent.mkdir(parents=True)
    file.write_text(meta if isinstance(meta, str) else json.dumps(meta))
    tls = folder / "contexts" / "tls" / key / "docker"
    if certificates:
        tls.mkdir(parents=True)
        for certificate in certificates:
            (tls / certificate).write_text("x")
    return tls


def meta(host: str, **more: Any) -> dict[str, Any]:
    """What `docker context create` writes."""
    return {"Name": "x", "Metadata": {}, "Endpoints": {"docker": {"Host": host, **more}}}


def find(folder: Path, address: str | None = None, context: str | None = None, **environment: str) -> Any:
    """Finds the engine with that configuration."""
    config = DockerConfig(folder / "config.json", context=context)
    return engine_address.find(address, config, environment | {"DOCKER_CONFIG": str(folder)})


def test_docker_has_an_order(tmp_path: Path) -> None:
    write_context(tmp_path, "one", meta("unix:///one"))
    write_context(tmp_path, "two", meta("tcp://two:1"))
    variables = {"DOCKER_HOST": "unix:///host", "DOCKER_CONTEXT": "one"}
    assert find(tmp_path, "unix:///option", "two", **variables).socket == Path("/option")
    assert find(tmp_path, None, "two", **variables).socket == Path("/host")
    assert find(tmp_path, " ", "two", **variables).socket == Path("/host")
    assert find(tmp_path, None, "two", DOCKER_HOST="", DOCKER_CONTEXT="one").socket == Path("/one")
    assert find(tmp_path, None, "two", DOCKER_CONTEXT="").url == "http://two:1"
    assert find(tmp_path, None, "two", DOCKER_CONTEXT="default") is None
    assert find(tmp_path) is None


@pytest.mark.parametrize("variables", [{}, {"DOCKER_CONTEXT": "gone"}])
def test_a_context_that_is_not_there_is_one_sentence(tmp_path: Path, variables: dict[str, str]) -> None:
    with pytest.raises(EngineFailed, match=r"There is no docker context 'gone', which (DOCKER_CONTEXT|currentContext)"):
        find(tmp_path, None, "gone", **variables)


@pytest.mark.parametrize(
    "content",
    ["", "[]", "null", "{}", '{"Endpoints": {"docker": null}}', meta(3), {"Endpoints": {"kubernetes": {}}}],  # type: ignore[arg-type]  # a wrong type is the test
)
def test_a_context_that_names_no_engine_is_one_sentence(tmp_path: Path, content: Any) -> None:
    write_context(tmp_path, "odd", content)
    with pytest.raises(EngineFailed, match="names no engine"):
        find(tmp_path, None, "odd")


def test_the_names_of_a_context_are_read_in_any_case(tmp_path: Path) -> None:
    write_context(tmp_path, "low", {"endpoints": {"docker": {"host": "unix:///low"}}})
    assert find(tmp_path, None, "low").socket == Path("/low")


def test_a_context_that_is_a_pipe_or_has_a_name_of_no_text_is_one_sentence(tmp_path: Path) -> None:
    tls = write_context(tmp_path, "pipe", meta("tcp://e:1"), "ca.pem")
    for file in (tls / "ca.pem", next((tmp_path / "contexts" / "meta").glob("*/meta.json"))):
        file.unlink()
        os.mkfifo(file)
        with pytest.raises(EngineFailed, match=rf"{file.name}.*it is no file"):
            find(tmp_path, None, "pipe")
    with pytest.raises(EngineFailed, match="There is no docker context '\N{REPLACEMENT CHARACTER}'"):
        find(tmp_path, None, "\ud800")


def test_the_address_of_a_context_is_checked_too(tmp_path: Path) -> None:
    write_context(tmp_path, "far", meta("ssh://me@e"))
    with pytest.raises(EngineFailed, match=r"ssh -N -L.*the docker context 'far' names it"):
        find(tmp_path, None, "far")


def test_the_certificates_of_a_context(tmp_path: Path) -> None:
    tls = write_context(tmp_path, "safe", meta("tcp://e:1", SkipTLSVerify=False), "ca.pem", "cert.pem", "key.pem")
    files = TlsFiles(tls / "ca.pem", tls / "cert.pem", tls / "key.pem", is_verified=True)
    assert find(tmp_path, None, "safe") == EngineAddress("tcp://e:1", url="https://e:1", tls=files)
    write_context(tmp_path, "loose", meta("tcp://e:1", SkipTLSVerify=True))
    assert find(tmp_path, None, "loose").tls == TlsFiles(None, None, None, is_verified=False)
    write_context(tmp_path, "local", meta("unix:///e", SkipTLSVerify=True), "ca.pem")
    assert find(tmp_path, None, "local").tls is None


def test_certificates_count_where_tls_is_asked_for_alone(tmp_path: Path) -> None:
    variables = {"DOCKER_CERT_PATH": str(tmp_path / "certificates")}
    assert find(tmp_path, "tcp://e:1", **variables).tls is None
    assert find(tmp_path, "unix:///e", **variables, DOCKER_TLS_VERIFY="1").tls is None
    assert find(tmp_path, "tcp://e:1", **variables, DOCKER_TLS_VERIFY="").tls is None
    with pytest.raises(EngineFailed, match=r"certificates/ca.pem .*cannot be read.*DOCKER_CERT_PATH"):
        find(tmp_path, "tcp://e:1", **variables, DOCKER_TLS_VERIFY="1")
    (tmp_path / "certificates").mkdir()
    (tmp_path / "certificates" / "ca.pem").write_text("x")
    address = find(tmp_path, "tcp://e:1", **variables, DOCKER_TLS="1")
    assert (address.url, address.tls.certificate, address.tls.is_verified) == ("https://e:1", None, False)
    (tmp_path / "certificates" / "cert.pem").write_text("x")
    with pytest.raises(EngineFailed, match=r"key.pem .*cannot be read"):
        find(tmp_path, "tcp://e:1", **variables, DOCKER_TLS="1")
