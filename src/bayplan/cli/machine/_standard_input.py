"""The standard input of a check: the machine that it describes, and whether it describes one that nobody asked about."""

import os
import select
import stat
import sys

from bayplan.domain.nvidia_smi_forms import decoded
from bayplan.errors import Invalid

MOST_BYTES = 4 * 1024 * 1024
"""Of what is read of another machine."""
_PEEKED_BYTES = 65_536
_WITHOUT_WAITING = 2  # SPLICE_F_NONBLOCK of fcntl.h


def machine_text() -> str:
    """The whole input, whatever its encoding; a person at a terminal is told what to type."""
    if sys.stdin.isatty():
        sys.stderr.write("Paste what nvidia-smi printed, then press Ctrl-D on an empty line.\n")
    return decoded(sys.stdin.buffer.read(MOST_BYTES))


def describes_a_machine() -> bool:
    """Whether the input, of which nothing was asked, has what nvidia-smi or `bayplan probe --json` prints.

    Nothing is taken from the input, which may be a list that a loop of the shell reads, and nothing is waited for.
    """
    from bayplan.cli.machine import _workers

    text = decoded(_peeked())
    if not text.strip():
        return False
    try:
        return bool(_workers.of_text(text).kinds)
    except Invalid:
        return False


def _peeked() -> bytes:
    """The bytes that wait in the input, which stay there; none of a terminal, or where they cannot be read without taking them."""
    try:
        mode = os.fstat(0).st_mode
        if stat.S_ISREG(mode):
            return os.pread(0, _PEEKED_BYTES, os.lseek(0, 0, os.SEEK_CUR))
        return _copy_of_pipe() if stat.S_ISFIFO(mode) and select.select([0], [], [], 0)[0] else b""
    except OSError:
        return b""


def _copy_of_pipe() -> bytes:
    """What waits in a pipe, by tee(2) of Linux, which copies it into another pipe."""
    import ctypes

    copy = getattr(ctypes.CDLL(None), "tee", None)
    if copy is None:
        return b""
    reading, writing = os.pipe()
    try:
        copied = copy(0, writing, ctypes.c_size_t(_PEEKED_BYTES), _WITHOUT_WAITING)
        return os.read(reading, copied) if copied > 0 else b""
    finally:
        os.close(reading)
        os.close(writing)
