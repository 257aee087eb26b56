"""Log-ins of `docker login`, with real credential helpers: small programs on the PATH."""

import json
import time
from pathlib import Path

import pytest

from bayplan.agent.docker_config import DockerConfig, load
from bayplan.agent.docker_logins import DockerLogins
from tests.agent.test_docker_config import HOST, packed

STORED = {HOST: {"auth": packed("u:p")}}


@pytest.fixture
def helper(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file of the credential helper `x`, which is not there yet."""
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    return tmp_path / "docker-credential-x"


def logins(helper: Path, script: str | None, **config: object) -> tuple[DockerLogins, list[str]]:
    """Log-ins with that helper and that configuration, and the warnings."""
    if script is not None:
        helper.write_text(script if script.startswith("#!") or not script else f"#!/bin/sh\n{script}\n")
        helper.chmod(0o755)
    (helper.parent / "config.json").write_text(json.dumps(config))
    warnings: list[str] = []
    return DockerLogins(load({"DOCKER_CONFIG": str(helper.parent)}), warnings.append, 0.5), warnings


def test_a_helper_gets_the_registry_and_gives_a_log_in(helper: Path) -> None:
    script = """read key; printf '{"ServerURL": "%s", "Username": "%s", "Secret": "s"}' "$key" "$key" """
    of_user, warnings = logins(helper, script, credsStore="nosuch", credHelpers={HOST: "x", "docker.io": "no"})
    assert of_user.auth(HOST) == {"username": HOST, "password": "s"}
    of_user, _ = logins(helper, script, credsStore="x")
    assert of_user.auth("docker.io") == {"username": "https://index.docker.io/v1/", "password": "s"}
    assert warnings == []


def test_a_token_of_a_helper(helper: Path) -> None:
    of_user, _ = logins(helper, """echo '{"Username": "<token>", "Secret": "t"}'""", credsStore="x")
    assert of_user.auth(HOST) == {"identitytoken": "t"}


@pytest.mark.parametrize(
    "script",
    [
        """echo '{"Username": "u", "Secret": "p"}'; sleep 2 &""",
        """exec <&-; echo '{"Username": "u", "Secret": "p"}'""",
        """head -c 300000 /dev/zero | tr '\\0' ' '; echo '{"Username": "u", "Secret": "p"}'; yes >&2 & sleep 0.1; kill $!""",
    ],
)
def test_a_helper_is_believed_when_it_has_ended_whatever_it_leaves_behind(helper: Path, script: str) -> None:
    of_user, warnings = logins(helper, script, credsStore="x")
    assert (of_user.auth(HOST), warnings) == ({"username": "u", "password": "p"}, [])


@pytest.mark.parametrize(
    "script", ["echo '{}'", "echo null", "echo credentials not found in native keychain; exit 1", "echo '{}' more"]
)
def test_a_helper_without_a_log_in_is_no_problem(helper: Path, script: str) -> None:
    of_user, warnings = logins(helper, script, credsStore="x", auths=STORED)
    assert (of_user.auth(HOST), of_user.problem(HOST), warnings) == (None, None, [])


@pytest.mark.parametrize(
    ("script", "message"),
    [
        (None, "docker-credential-x is not installed"),
        ("", "docker-credential-x cannot be run"),
        ("#!/no/such/program", "docker-credential-x cannot be run"),
        ("echo hello", "docker-credential-x prints no credentials"),
        ("echo '[]'", "docker-credential-x prints no credentials"),
        ("echo '\"s3cret\"'", "docker-credential-x prints no credentials"),
        ("""echo '{"Username": 3, "Secret": "s3cret"}'""", "docker-credential-x prints no credentials"),
        ("true", "docker-credential-x prints no credentials"),
        ("echo it is locked; exit 3", "docker-credential-x fails: it is locked"),
        ("exit 1", "docker-credential-x fails: exit code 1"),
        ("kill -9 $$", "docker-credential-x fails: exit code -9"),
        ("sleep 60", "docker-credential-x gives no answer within 0.5 s"),
        ("sleep 60 & echo '{}'; wait", "docker-credential-x gives no answer within 0.5 s"),
        ("exec >&-; sleep 60", "docker-credential-x gives no answer within 0.5 s"),
        ("yes", "docker-credential-x prints more than 1048576 bytes"),
    ],
)
def test_a_helper_that_fails_is_one_warning_that_names_the_file(helper: Path, script: str | None, message: str) -> None:
    of_user, warnings = logins(helper, script, credsStore="x", auths=STORED)
    began = time.monotonic()
    assert of_user.auth(HOST) == {"username": "u", "password": "p"}, "as docker, which has the file's then"
    assert of_user.auth("other.example.org") is None
    assert time.monotonic() - began < 5
    (warning,) = warnings
    assert message in warning
    assert str(helper.parent / "config.json") in warning
    assert "s3cret" not in warning
    assert message in (of_user.problem("other.example.org") or "")


def test_all_unreadable_entries_are_one_warning(helper: Path) -> None:
    of_user, warnings = logins(helper, None, auths={"a.example.org": "x", "b.example.org": 3, **STORED})
    assert of_user.auth(HOST) == {"username": "u", "password": "p"}
    assert (of_user.auth("a.example.org"), of_user.problem(HOST)) == (None, None)
    assert "a.example.org" in (of_user.problem("a.example.org") or "")
    assert len(warnings) == 1


@pytest.mark.parametrize(
    ("key", "registry"),
    [
        (HOST, HOST),
        (f"https://{HOST}", HOST),
        (f"http://{HOST}/v1/", HOST),
        (f"{HOST}:443", HOST),
        ("https://index.docker.io/v1/", "docker.io"),
        ("docker.io", "docker.io"),
    ],
)
def test_the_names_under_which_registries_are_stored(tmp_path: Path, key: str, registry: str) -> None:
    of_user = DockerLogins(DockerConfig(tmp_path, auths={key: {"username": "u"}}), lambda _: None)
    assert of_user.auth(registry) == {"username": "u"}
    assert of_user.auth("other.example.org") is None
