"""A program on a terminal of its own, which a test types at and reads from while it runs."""

import fcntl
import os
import pty
import select
import signal
import struct
import termios
import time
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Self

CTRL_C = b"\x03"
PATIENCE_SECONDS = 30.0


class Terminal:
    """A running program, and what it has printed so far."""

    def __init__(
        self, command: Sequence[str], environment: Mapping[str, str], *, columns: int = 80, lines: int = 40
    ) -> None:
        self.output = ""
        self.code: int | None = None
        self._pid, self._descriptor = pty.fork()
        if self._pid == 0:
            fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
            os.execvpe(command[0], list(command), {"TERM": "xterm-256color"} | dict(environment))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self.code is None:
            os.kill(self._pid, signal.SIGKILL)
            os.waitpid(self._pid, 0)
        os.close(self._descriptor)

    def type(self, keys: bytes) -> None:
        """Types keys at the terminal."""
        os.write(self._descriptor, keys)

    def wait_for(self, text: str, *, after: int = 0) -> int:
        """Waits until the text is printed behind the place `after`, and gives the place where it ends."""
        ends = time.monotonic() + PATIENCE_SECONDS
        while (at := self.output.find(text, after)) < 0:
            assert time.monotonic() < ends, f"{text!r} is not in {self.output[after:]!r}"
            assert self._read(), f"it ended without {text!r}: {self.output[after:]!r}"
        return at + len(text)

    def shows(self, text: str, *, after: int, seconds: float) -> bool:
        """Whether the text is printed behind that place within so many seconds."""
        ends = time.monotonic() + seconds
        while text not in self.output[after:] and time.monotonic() < ends and self._read():
            pass
        return text in self.output[after:]

    def interrupt(self) -> int:
        """Types Ctrl-C until the program ends, and gives its exit code.

        One Ctrl-C that comes while readline takes the terminal over is heard at the next key alone.
        """
        ends = time.monotonic() + PATIENCE_SECONDS
        is_open = True
        while is_open:
            assert time.monotonic() < ends, f"it does not end: {self.output!r}"
            self.type(CTRL_C)
            again = time.monotonic() + 3
            while is_open and time.monotonic() < again:
                is_open = self._read()
        return self.end()

    def end(self) -> int:
        """Waits until the program ends, and gives its exit code."""
        while self._read():
            pass
        _, status = os.waitpid(self._pid, 0)
        self.code = os.waitstatus_to_exitcode(status)
        return self.code

    def _read(self) -> bool:
        """Reads what is printed, waiting a little for it; gives whether the program has its terminal still open."""
        if not select.select([self._descriptor], [], [], 0.2)[0]:
            return True
        try:
            part = os.read(self._descriptor, 65_536)
        except OSError:  # on Linux: the other end is closed
            return False
        self.output += part.decode(errors="replace")
        return bool(part)
