"""`config.json` of the docker command: every odd form of it is read as far as docker reads it, and nothing raises."""

import base64
import json
import os
from pathlib import Path
from typing import Any

import pytest

from bayplan.agent import docker_config
from bayplan.agent.docker_config import DockerConfig

HOST = "reg.example.org"


def packed(text: str) -> str:
    """The field `auth` of a user name, a colon and a password."""
    return base64.b64encode(text.encode()).decode()


def load(folder: Path, content: bytes | str | None = None) -> DockerConfig:
    """Reads that content as the configuration in a folder of its own."""
    if content is not None:
        (folder / "config.json").write_bytes(content if isinstance(content, bytes) else content.encode())
    return docker_config.load({"DOCKER_CONFIG": str(folder)})


@pytest.mark.parametrize(
    "content", [b"\xef\xbb\xbf{}", b"[]", b"3", b'"x"', b"{", b"[" * 100_000, b"\xff\xfe", b"nul", b"#"]
)
def test_a_file_that_is_no_configuration_is_one_problem(tmp_path: Path, content: bytes) -> None:
    config = load(tmp_path, content)
    assert (config.auths, config.store, config.helpers, config.context) == ({}, None, {}, None)
    (problem,) = config.problems
    assert str(tmp_path / "config.json") in problem


@pytest.mark.parametrize(
    "content", ["", " \n", "null", "{}", " {} and more", '{"auths": null, "credsStore": null}', '{"x": 3}']
)
def test_a_file_that_docker_takes_without_a_word_has_no_problem(tmp_path: Path, content: str) -> None:
    config = load(tmp_path, content)
    assert (config.auths, config.store, config.problems, config.unreadable) == ({}, None, (), {})


def test_a_missing_file_is_an_empty_configuration(tmp_path: Path) -> None:
    assert load(tmp_path) == DockerConfig(tmp_path / "config.json")
    assert docker_config.load({"DOCKER_CONFIG": str(tmp_path / "nowhere")}).problems == ()


def test_what_is_no_file_is_one_problem(tmp_path: Path) -> None:
    (tmp_path / "folder" / "config.json").mkdir(parents=True)
    (tmp_path / "pipe").mkdir()
    os.mkfifo(tmp_path / "pipe" / "config.json")
    (tmp_path / "file").write_text("")
    (tmp_path / "loop").mkdir()
    (tmp_path / "loop" / "config.json").symlink_to("config.json")
    for name in ("folder", "pipe", "file", "loop"):
        (problem,) = load(tmp_path / name).problems
        assert str(tmp_path / name / "config.json") in problem


def test_the_home_counts_without_docker_config(tmp_path: Path) -> None:
    (tmp_path / ".docker").mkdir()
    (tmp_path / ".docker" / "config.json").write_text('{"credsStore": "x"}')
    assert docker_config.load({"HOME": str(tmp_path)}).store == "x"
    assert docker_config.load({"HOME": str(tmp_path), "DOCKER_CONFIG": ""}).store == "x"
    assert docker_config.load({"HOME": str(tmp_path), "DOCKER_CONFIG": str(tmp_path)}).store is None


@pytest.mark.parametrize(
    ("entry", "auth"),
    [
        (None, {}),
        ({}, {}),
        ({"auth": ""}, {}),
        ({"auth": None}, {}),
        ({"auth": packed("u:p:q")}, {"username": "u", "password": "p:q"}),
        ({"AUTH": packed("u:p")}, {"username": "u", "password": "p"}),
        ({"auth": packed("u:p\0\0")}, {"username": "u", "password": "p"}),
        ({"auth": packed("u:p")[:2] + "\r\n" + packed("u:p")[2:]}, {"username": "u", "password": "p"}),
        ({"auth": packed("u:")}, {"username": "u", "password": ""}),
        ({"username": "u", "password": "p"}, {"username": "u", "password": "p"}),
        ({"identitytoken": "t", "email": 3}, {"identitytoken": "t"}),
    ],
)
def test_an_entry_as_docker_has_it(tmp_path: Path, entry: Any, auth: dict[str, str]) -> None:
    config = load(tmp_path, json.dumps({"auths": {HOST: entry}}))
    assert (config.auths, config.unreadable) == ({HOST: auth}, {})


@pytest.mark.parametrize(
    "entry",
    [
        "x",
        3,
        [],
        True,
        {"auth": "!!!"},
        {"auth": "dTpw="},
        {"auth": "dTp"},
        {"auth": packed("abc")},
        {"auth": packed(":p")},
        {"auth": "\u00f6"},
        {"auth": 3},
        {"auth": ["x"]},
        {"identitytoken": 3},
    ],
)
def test_an_entry_that_cannot_be_read_spoils_no_other(tmp_path: Path, entry: Any) -> None:
    good = {"auth": packed("u:p")}
    config = load(tmp_path, json.dumps({"auths": {"a.example.org": entry, HOST: good}, "credsStore": "x"}))
    assert config.auths == {HOST: {"username": "u", "password": "p"}}
    assert config.store == "x"
    (unreadable,) = config.unreadable.items()
    assert unreadable[0] == "a.example.org"
    assert str(tmp_path / "config.json") in unreadable[1]


@pytest.mark.parametrize("name", ["auths", "credsStore", "credHelpers", "currentContext", "proxies", "HttpHeaders"])
@pytest.mark.parametrize("value", [[], True, 3])
def test_a_part_of_another_type_spoils_no_other(tmp_path: Path, name: str, value: Any) -> None:
    parts = {"auths": {HOST: {"auth": packed("u:p")}}, "credsStore": "x", "currentContext": "c"}
    config = load(tmp_path, json.dumps(parts | {name: value}))
    assert [name in problem for problem in config.problems] == [True]
    assert bool(config.auths) is (name != "auths")
    assert (config.store, config.context) == (
        None if name == "credsStore" else "x",
        None if name == "currentContext" else "c",
    )


def test_a_helper_of_another_type_is_unreadable_for_its_registry_alone(tmp_path: Path) -> None:
    config = load(tmp_path, json.dumps({"credHelpers": {"a": 3, "b": "x", "c": None}}))
    assert config.helpers == {"b": "x", "c": ""}
    assert set(config.unreadable) == {"a"}
