"""One agent for each state file: two would answer for the same nodes and reconcile the same images against one another.

The lock is the kernel's (flock), so one of a process that was killed is free. Its file has the number of the process that holds it,
and goes when the agent ends.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from bayplan.errors import Conflict


@contextmanager
def locked(state: Path) -> Iterator[None]:
    """Holds the lock of a state file; raises `Conflict` where another agent holds it.

    Where there can be no lock (no folder, a read-only one, a file system without locks) the block runs without.
    """
    real = state.resolve()
    file = real.with_name(f".{real.name}.lock")
    try:
        descriptor = _acquired(file)
    except BlockingIOError:
        raise Conflict(
            f"Another agent ({_holder(file)}) runs with {state}, and a machine has one agent: stop the other one first.",
            code="agent_running",
        ) from None
    except OSError:
        descriptor = None
    try:
        yield
    finally:
        if descriptor is not None:
            with suppress(OSError):
                file.unlink()  # before the lock is free: nobody locks a file that is gone
            os.close(descriptor)


def _acquired(file: Path) -> int:
    """Gives the locked file's descriptor; raises `BlockingIOError` where it is locked, and `OSError`."""
    while True:
        descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if _is_at(descriptor, file):
                os.ftruncate(descriptor, 0)
                os.write(descriptor, str(os.getpid()).encode())
                return descriptor
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)  # an agent that ended meanwhile has removed it


def _is_at(descriptor: int, file: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), file.stat())
    except FileNotFoundError:
        return False


def _holder(file: Path) -> str:
    with suppress(OSError, ValueError):
        return f"process {int(file.read_bytes() or b'-')}"
    return "a process that is just starting"
