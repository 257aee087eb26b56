"""The standard streams and the terminal of a command, as far as libraries take them for granted."""

import contextlib
import errno
import io
import os
import re
import sys
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from typing_extensions import Buffer

_SIZE = re.compile(r"0*[1-9][0-9]{0,4}", re.ASCII)


class _Output(io.FileIO):
    """A standard output that keeps why it could not be written. With `drops` that ends no work: what it cannot take is dropped."""

    def __init__(self, number: int, *, drops: bool) -> None:
        super().__init__(number, "w", closefd=False)
        self.failure: OSError | None = None
        self.drops = drops

    def write(self, data: "Buffer") -> int | None:  # type: ignore[override]  # None where it would block, as the class has it
        """Writes the bytes, or as many as it takes."""
        try:
            return super().write(data)
        except OSError as error:
            self.failure = error
            if not self.drops:
                raise
            return memoryview(data).nbytes


def prepare() -> None:
    """Makes the streams and the terminal's size such as every library can use them.

    A closed stream becomes /dev/null: files that are opened later must not take its number.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # it takes the lowest free number
            os.set_inheritable(number, True)
    if sys.stdin is None:
        sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115  # for as long as the process lives
    sys.stdin.reconfigure(errors="surrogateescape")  # type: ignore[union-attr]  # it is a real text stream here
    sys.stdout, sys.stderr = _text(sys.stdout, 1), _text(sys.stderr, 2)
    for name in ("COLUMNS", "LINES"):  # 0 of some CI, and other values that are no size, are as if there were none
        if not _SIZE.fullmatch(os.environ.get(name, "")):
            os.environ.pop(name, None)


def drop_what_is_not_taken() -> None:
    """From now on the output, too, drops what it cannot take: a server goes on where its disk is full."""
    raw = getattr(getattr(sys.stdout, "buffer", None), "raw", None)
    if isinstance(raw, _Output):
        raw.drops = True


def _text(stream: TextIO | None, number: int) -> TextIO:
    is_error = number == 2
    raw = _Output(number, drops=is_error)
    return io.TextIOWrapper(
        io.BufferedWriter(raw),
        "utf-8" if stream is None else stream.encoding,
        "backslashreplace",
        line_buffering=is_error or raw.isatty(),
    )


def output_failure() -> OSError | None:
    """Writes what is left, and gives why the output or the error output could not be written; None where all is written.

    What cannot be written is dropped, since Python would try again at its end.
    """
    for stream in (sys.stdout, sys.stderr):
        raw = getattr(getattr(stream, "buffer", None), "raw", None)
        with contextlib.suppress(OSError):
            stream.flush()
        if isinstance(raw, _Output) and raw.failure is not None:
            os.dup2(os.open(os.devnull, os.O_WRONLY), raw.fileno())
            return raw.failure
    return None


def is_gone(failure: OSError) -> bool:
    """Whether nobody reads the output any more, as with `| head`: there is nobody to tell."""
    return failure.errno == errno.EPIPE
