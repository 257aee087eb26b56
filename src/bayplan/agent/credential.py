"""The state of the agent between its runs: its server, its credential, and its last report. A file that only its owner reads."""

import fcntl
import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from bayplan.errors import Invalid, NotFound


@dataclass(frozen=True, slots=True)
class AgentState:
    """A worker that has joined. `ip` is the address of `--ip`; None where that of the route to the server counts."""

    server: str
    worker: str
    secret: str
    ip: str | None
    without_gpu: bool
    nodes: tuple[int, ...]  # pks by index
    reported: dict[str, Any]  # the last report
    devices: dict[str, dict[str, Any]] = field(default_factory=dict)  # of the report's nodes, by index
    measured: dict[str, str] = field(default_factory=dict)  # when each fact of the report was read

    def is_of(self, other: "AgentState") -> bool:
        """Whether both have the same credential."""
        return (self.server, self.worker, self.secret) == (other.server, other.worker, other.secret)

    def __repr__(self) -> str:
        return f"AgentState(server={self.server!r}, worker={self.worker!r})"  # never the secret


def read(path: Path) -> AgentState:
    """Reads the file; raises `NotFound` where this machine has not joined, and `Invalid` for a file that cannot be read."""
    try:
        return _state(json.loads(path.read_bytes()))
    except FileNotFoundError:
        raise NotFound(
            f"This machine has joined no server ({path} is not there): run `bayplan worker join SERVER --token TOKEN`."
        ) from None
    except PermissionError:
        raise Invalid(f"{path} belongs to another user: run this as the user who joined.") from None
    except OSError as error:
        raise Invalid(f"{path} cannot be read: {error.strerror}.") from None
    except (ValueError, TypeError, KeyError, RecursionError):
        raise Invalid(f"{path} is damaged: remove it, and run `bayplan worker join` again.") from None


def _state(content: Any) -> AgentState:
    """Gives the state in a file's content, without white space around its texts. Raises as a constructor does."""
    texts = {
        name: content[name].strip() if isinstance(content[name], str) else "" for name in ("server", "worker", "secret")
    }
    state = AgentState(**{**content, **texts, "nodes": tuple(content["nodes"])})
    if (
        not all(texts.values())
        or not all(isinstance(part, dict) for part in (state.reported, state.devices, state.measured))
        or not all(type(pk) is int for pk in state.nodes)
    ):
        raise ValueError
    return state


def write(path: Path, state: AgentState) -> None:
    """Writes it, whole or not at all, readable by its owner alone from its first byte; raises `Invalid`."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with _locked(path.parent):
            write_whole(path, json.dumps(asdict(state), indent=2))
    except OSError as error:
        raise Invalid(f"The worker's credential cannot be written to {path.parent}: {error.strerror}.") from None


def update(path: Path, state: AgentState) -> None:
    """Writes a changed state, as `write` does; but nothing where the machine has left, or joined again, meanwhile."""
    try:
        with _locked(path.parent):
            if read(path).is_of(state):
                write_whole(path, json.dumps(asdict(state), indent=2))
    except NotFound:
        return
    except OSError as error:
        raise Invalid(f"The last report cannot be written to {path.parent}: {error.strerror}.") from None


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Locks a folder: no other process writes a state there while the block lasts."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        with suppress(OSError):  # a file system that has no locks
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def write_whole(path: Path, text: str) -> None:
    """Writes a file whole or not at all, readable by its owner alone from its first byte; raises `OSError`."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")  # mode 0600
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def writable(path: Path) -> None:
    """Raises `Invalid` where `write` would: before a join token is used up for nothing."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path.parent):
            pass
    except OSError as error:
        raise Invalid(f"The worker's credential cannot be written to {path.parent}: {error.strerror}.") from None


def forget(path: Path) -> None:
    """Removes the file."""
    if path.parent.exists():
        with _locked(path.parent):
            path.unlink(missing_ok=True)
