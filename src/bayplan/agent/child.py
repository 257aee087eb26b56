"""Runs another program for its version: never longer than its time, and never for more output than is read."""

import os
import selectors
import signal
import subprocess
import time
from collections.abc import Sequence
from contextlib import suppress

TIMEOUT_SECONDS = 5.0
_MOST_BYTES = 64 * 1024
_PIECE_BYTES = 4096
_REAP_SECONDS = 1.0


def output(command: Sequence[str], timeout_seconds: float) -> str:
    """Gives the first 64 KiB of what a program prints; raises `OSError` where it cannot be run, fails, or is not done in time."""
    process = subprocess.Popen(  # noqa: S603  # a program of the system, with arguments of ours
        list(command),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        content = _read(process, time.monotonic() + timeout_seconds)
        code = process.wait(_REAP_SECONDS)
    except subprocess.TimeoutExpired:
        raise TimeoutError(0, f"it was not done within {timeout_seconds:g} seconds") from None
    finally:
        _end(process)
    if code != 0:
        raise OSError(0, f"it ended with exit code {code}")
    return content.decode("utf-8", errors="replace")


def _read(process: "subprocess.Popen[bytes]", deadline: float) -> bytes:
    assert process.stdout is not None
    content = b""
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        while len(content) < _MOST_BYTES:
            left_seconds = deadline - time.monotonic()
            if left_seconds <= 0 or not selector.select(left_seconds):
                raise subprocess.TimeoutExpired(process.args, 0)
            piece = os.read(process.stdout.fileno(), _PIECE_BYTES)
            if not piece:
                return content
            content += piece
    raise OSError(0, f"it prints more than {_MOST_BYTES} bytes")


def _end(process: "subprocess.Popen[bytes]") -> None:
    if process.poll() is None:
        with suppress(OSError):
            os.killpg(process.pid, signal.SIGKILL)
        with suppress(subprocess.TimeoutExpired):  # one that waits in a driver that hangs does not end
            process.wait(_REAP_SECONDS)
    if process.stdout is not None:
        process.stdout.close()
