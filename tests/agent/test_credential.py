"""What a worker keeps: readable by its owner alone, whole or not at all, and its secret in no text by accident."""

import fcntl
import json
import os
import stat
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from bayplan.agent import credential
from bayplan.agent.credential import AgentState
from bayplan.errors import Invalid, NotFound

KEPT = AgentState("http://127.0.0.1:8000", "w-1", "the secret", None, False, (1, 2), {"ip": "192.0.2.17", "gpus": []})


def test_what_is_kept_is_read_back_and_is_its_owners_alone(tmp_path: Path) -> None:
    path = tmp_path / "new" / "worker.json"
    credential.writable(path)
    credential.write(path, KEPT)
    assert credential.read(path) == KEPT
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert list(path.parent.iterdir()) == [path]


def test_the_secret_is_not_printed_by_accident() -> None:
    assert "the secret" not in repr(KEPT) + str(KEPT)


def test_a_machine_that_has_not_joined(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="bayplan worker join"):
        credential.read(tmp_path / "worker.json")
    credential.forget(tmp_path / "worker.json")


def test_white_space_around_a_credential_is_no_part_of_it(tmp_path: Path) -> None:
    path = tmp_path / "worker.json"
    credential.write(path, replace(KEPT, server=f"{KEPT.server}\n", worker=" w-1\r\n", secret="the secret\n"))
    assert credential.read(path) == KEPT


@pytest.mark.parametrize("field", ["server", "worker", "secret", "nodes", "reported"])
@pytest.mark.parametrize("value", [None, 5, " ", [[]]])
def test_a_credential_with_a_field_of_another_kind(tmp_path: Path, field: str, value: object) -> None:
    path = tmp_path / "worker.json"
    credential.write(path, KEPT)
    path.write_text(json.dumps(json.loads(path.read_text()) | {field: value}))
    with pytest.raises(Invalid, match="worker join` again"):
        credential.read(path)


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"nodes": 1}', "\x00\xff", "[" * 3000])
def test_a_file_that_cannot_be_understood(tmp_path: Path, text: str) -> None:
    path = tmp_path / "worker.json"
    path.write_text(text)
    with pytest.raises(Invalid, match="worker join` again"):
        credential.read(path)


def test_a_place_where_nothing_can_be_kept(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for act in (lambda path: credential.write(path, KEPT), credential.writable):
        with pytest.raises(Invalid, match="cannot be written"):
            act(tmp_path / "file" / "worker.json")


def test_what_was_reported_is_not_kept_over_another_credential(tmp_path: Path) -> None:
    path = tmp_path / "worker.json"
    credential.write(path, KEPT)
    credential.update(path, replace(KEPT, nodes=(3,)))
    assert credential.read(path).nodes == (3,)
    joined_again = replace(KEPT, secret="another")
    credential.write(path, joined_again)
    credential.update(path, replace(KEPT, nodes=(4,)))
    assert credential.read(path) == joined_again
    credential.forget(path)
    credential.update(path, KEPT)
    assert not path.exists(), "who has left is not brought back"


def test_nobody_else_changes_it_meanwhile(tmp_path: Path) -> None:
    path = tmp_path / "worker.json"
    credential.write(path, KEPT)
    descriptor = os.open(tmp_path, os.O_RDONLY)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    for act in (
        lambda: credential.write(path, KEPT),
        lambda: credential.update(path, KEPT),
        lambda: credential.forget(path),
    ):
        waiting = threading.Thread(target=act)
        waiting.start()
        waiting.join(0.3)
        assert waiting.is_alive()
        fcntl.flock(descriptor, fcntl.LOCK_UN)
        waiting.join(30)
        assert not waiting.is_alive()
        fcntl.flock(descriptor, fcntl.LOCK_EX)
    os.close(descriptor)
    assert not path.exists()
