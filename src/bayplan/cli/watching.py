"""`--watch`: runs a command that reads again and again, and shows what has changed until Ctrl-C.

On a terminal the output is drawn anew in its place. Elsewhere the rows that are new or have changed are printed below the
others, as `kubectl get --watch` does; of JSON and YAML the whole answer where it has changed.
"""

import contextlib
import io
import re
import shutil
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator

import typer
from rich.text import Text

from bayplan.cli import connection, output
from bayplan.cli.options import OutputFormat
from bayplan.errors import TooManyAttempts, Unreachable

INTERVAL_SECONDS = 2.0
_SHARE_OF_TIME = 10  # a list that takes long to read is read less often

_GAPS = re.compile(r"\s{2,}")
_PASSED = re.compile(r"just now|\d[\d,]* [a-z]+ ago")
_ALTERNATE_SCREEN, _NORMAL_SCREEN = "\x1b[?1049h\x1b[?25l", "\x1b[?25h\x1b[?1049l"
_HOME, _END_OF_LINE, _END_OF_SCREEN = "\x1b[H", "\x1b[K", "\x1b[J"

Frame = Callable[[str, str], None]
"""Shows an output, and what keeps it from being up to date, or an empty text."""


class _Captured(io.StringIO):
    """The output of one run, laid out for the real output."""

    def __init__(self, *, is_terminal: bool) -> None:
        super().__init__()
        self._is_terminal = is_terminal

    def isatty(self) -> bool:
        return self._is_terminal


def run(command: Callable[[], None], output_format: OutputFormat) -> None:
    """Runs the command until Ctrl-C.

    A server that goes away is waited for; one that is not there at the start raises `Unreachable`.
    """
    with connection.kept_open(), _display(output_format) as show:
        shown = None
        while True:
            began = time.monotonic()
            try:
                shown = _output_of(command)
                show(shown, "")
            except (Unreachable, TooManyAttempts) as error:
                if shown is None:
                    raise
                show(shown, f"{error.detail} Waiting for it.")
            time.sleep(max(INTERVAL_SECONDS, _SHARE_OF_TIME * (time.monotonic() - began)))


def _output_of(command: Callable[[], None]) -> str:
    captured = _Captured(is_terminal=sys.stdout.isatty())
    with contextlib.redirect_stdout(captured), contextlib.suppress(typer.Exit):  # `worker status` ends so with its code
        command()
    return captured.getvalue()


@contextlib.contextmanager
def _display(output_format: OutputFormat) -> Iterator[Frame]:
    if output_format.is_for_people and output.console().is_terminal:
        with _redrawn() as show:
            yield show
    else:
        yield _appended(output_format)


@contextlib.contextmanager
def _redrawn() -> Iterator[Frame]:
    """Draws each output in the place of the last one; the last of all stays on the terminal."""
    latest: str | None = None

    def show(shown: str, trouble: str) -> None:
        nonlocal latest
        if latest is None:
            sys.stdout.write(_ALTERNATE_SCREEN)
        latest = shown
        lines = _that_fit([*shown.splitlines(), *([trouble] if trouble else [])])
        drawn = "".join(f"{line}{_END_OF_LINE}\n" for line in lines)
        sys.stdout.write(f"{_HOME}{drawn}{_END_OF_SCREEN}")
        sys.stdout.flush()

    try:
        yield show
    finally:
        if latest is not None:
            sys.stdout.write(f"{_NORMAL_SCREEN}{latest}")
            sys.stdout.flush()


def _that_fit(lines: list[str]) -> list[str]:
    """The lines for which the terminal has room; the last of them says how many more there are."""
    size = shutil.get_terminal_size()
    rows = [max(1, -(-Text.from_ansi(line).cell_len // max(size.columns, 1))) for line in lines]
    room = max(size.lines - 1, 1)
    if sum(rows) <= room:
        return lines
    kept, used = 0, 1
    while used + rows[kept] <= room:
        used += rows[kept]
        kept += 1
    return [*lines[:kept], f"... and {output.count(len(lines) - kept, 'more line')}"]


def _appended(output_format: OutputFormat) -> Frame:
    """Prints what is new or has changed, each below what was printed before."""
    before: Counter[str] = Counter()
    last, told = "", ""

    def show(shown: str, trouble: str) -> None:
        nonlocal before, last, told
        if trouble != told:
            sys.stderr.write(f"{trouble or 'It answers again.'}\n")
            told = trouble
        if trouble or shown == last:
            return
        if output_format.is_data:
            sys.stdout.write(("---\n" if last and output_format is OutputFormat.YAML else "") + shown)
        else:
            rows = Counter(map(_row, shown.splitlines()))
            new = rows - before
            for line in shown.splitlines():
                if new[_row(line)] > 0:
                    new[_row(line)] -= 1
                    sys.stdout.write(f"{line}\n")
            before = rows
        last = shown
        sys.stdout.flush()

    return show


def _row(line: str) -> str:
    """What a line says, without how far apart it stands, and whatever the time that has passed."""
    return "\0".join(_GAPS.split(_PASSED.sub("ago", line).strip()))
