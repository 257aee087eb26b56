"""What a worker keeps: readable by its owner alone, whole or not at all, and its secret in no text by accident."""

import stat
from pathlib import Path

import pytest

from bayplan.errors import Invalid, NotFound
from bayplan.worker import state
from bayplan.worker.state import State

KEPT = State("http://127.0.0.1:8000", "w-1", "the secret", None, False, (1, 2), {"ip": "192.0.2.17", "gpus": []})


def test_what_is_kept_is_read_back_and_is_its_owners_alone(tmp_path: Path) -> None:
    path = tmp_path / "new" / "worker.json"
    state.writable(path)
    state.write(path, KEPT)
    assert state.read(path) == KEPT
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert list(path.parent.iterdir()) == [path]


def test_the_secret_is_not_printed_by_accident() -> None:
    assert "the secret" not in repr(KEPT) + str(KEPT)


def test_a_machine_that_has_not_joined(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="bayplan worker join"):
        state.read(tmp_path / "worker.json")
    state.forget(tmp_path / "worker.json")


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"nodes": 1}', "\x00\xff"])
def test_a_file_that_cannot_be_understood(tmp_path: Path, text: str) -> None:
    path = tmp_path / "worker.json"
    path.write_text(text)
    with pytest.raises(Invalid, match="join again"):
        state.read(path)


def test_a_place_where_nothing_can_be_kept(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for act in (lambda path: state.write(path, KEPT), state.writable):
        with pytest.raises(Invalid, match="cannot be kept"):
            act(tmp_path / "file" / "worker.json")
