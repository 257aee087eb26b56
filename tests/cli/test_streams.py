"""Commands whose streams are closed or full, whose terminal has no size, and faults of bayplan itself."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import Shell
from tests.process import PROGRAM

FULL = "The output cannot be written: No space left on device.\n"


def run(shell: Shell, command: str, **variables: str) -> tuple[int, str, str]:
    """The exit code, the output and the error output of a line of a shell, in which `bayplan` is the command."""
    environment = shell._environment() | variables
    line = command.replace("bayplan", f"'{PROGRAM}'")
    done = subprocess.run(
        ["bash", "-c", line], env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert "Traceback" not in done.stderr
    assert "Exception ignored" not in done.stderr
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize(
    "line",
    [
        "bayplan images list >&-",
        "bayplan images list 2>&-",
        "bayplan --version <&- >&- 2>&-",
    ],
)
def test_a_closed_stream_ends_no_command(shell: Shell, line: str) -> None:
    assert run(shell, line)[0] == 0


def test_a_command_does_its_work_without_streams(shell: Shell, tmp_path: Path) -> None:
    assert run(shell, f"bayplan export -o '{tmp_path}/catalogue.yaml' <&- >&- 2>&-")[0] == 0
    assert "\nimages:\n" in (tmp_path / "catalogue.yaml").read_text()
    assert run(shell, "bayplan apply --prune --yes - <&-")[0] == 1, "an input that is closed has no catalogue"


@pytest.mark.parametrize("command", ["export", "images list -o yaml", "--help"])
def test_a_full_output_is_told(shell: Shell, command: str) -> None:
    assert run(shell, f"bayplan {command} >/dev/full") == (1, "", FULL)


def test_an_error_that_cannot_be_told_keeps_its_code(shell: Shell) -> None:
    assert run(shell, "bayplan images show nothing 2>/dev/full")[0] == 1
    assert run(shell, "bayplan imags 2>/dev/full")[0] == 2
    assert run(shell, "bayplan export >/dev/full 2>/dev/full")[0] == 1


def test_a_reader_that_has_gone_is_told_nothing(shell: Shell) -> None:
    for command in ("export", "--help"):
        code, _, error = run(shell, f"bayplan {command} | true; exit ${{PIPESTATUS[0]}}")
        assert (code in (0, 1), error) == (True, "")


@pytest.mark.parametrize("columns", ["0", "\u00b2", "9" * 5000])
def test_a_width_that_is_none_is_as_if_there_were_none(shell: Shell, columns: str) -> None:
    code, out, error = run(shell, "bayplan list domains", COLUMNS=columns, LINES=columns, TERM="dumb")
    assert (code, error) == (0, "")
    assert "Image Classification\n" in out


def test_an_input_that_is_no_text(shell: Shell) -> None:
    code, _, error = run(shell, "printf '\\xff\\n' | bayplan login --username kim --password-stdin")
    assert (code, error.count("\n")) == (1, 1)
    code, _, error = run(shell, "bayplan list domains --server $'http://\\xff'")
    assert (code, error.count("\n")) == (1, 1)


SCRIPT = """
import sys
import bayplan.cli.images.list as listing
from bayplan.cli import app, main

@app.command("broken")
def broken(kind: str) -> None:
    raise {"fault": KeyError("a secret"), "memory": MemoryError(), "stop": KeyboardInterrupt(),
           "system": PermissionError(13, "Permission denied", "/a/file")}[kind]

sys.argv = ["bayplan", "broken", sys.argv[1]]
main()
"""


def broken(kind: str, **variables: str) -> tuple[int, str]:
    """The exit code and the error output of a command that raises that."""
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, kind],
        env=os.environ | variables,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return done.returncode, done.stderr


def test_a_fault_of_bayplan_is_one_sentence() -> None:
    code, error = broken("fault")
    assert code == 70
    assert error.startswith("This is a fault of bayplan (KeyError")
    assert error.endswith("please report it. BAYPLAN_TRACEBACK=1 shows more.\n")
    assert "secret" not in error
    code, error = broken("fault", BAYPLAN_TRACEBACK="1")
    assert code == 70
    assert error.startswith("Traceback (most recent call last)")


def test_other_ends() -> None:
    assert broken("memory") == (1, "There is not enough memory for this.\n")
    assert broken("system") == (1, "/a/file cannot be used: Permission denied.\n")
    assert broken("stop") == (130, "")


def test_a_command_that_is_interrupted_ends_with_130(shell: Shell) -> None:
    process = subprocess.Popen(
        [PROGRAM, "apply", "-"], env=shell._environment(), stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    with process:
        wait_until_it_reads(process.pid)
        process.send_signal(signal.SIGINT)
        _, error = process.communicate(timeout=30)
    assert (process.returncode, error) == (130, "")


def wait_until_it_reads(pid: int) -> None:
    """Waits until the process sleeps in a read of its input."""
    while True:
        call = Path(f"/proc/{pid}/syscall").read_text().split()
        if call[:2] == ["0", "0x0"]:  # read of descriptor 0
            return
