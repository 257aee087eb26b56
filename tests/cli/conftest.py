"""A real server with the examples in it, and a shell and a terminal to run the commands as a person does."""

import fcntl
import os
import pty
import struct
import termios
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from tests import forks
from tests.process import ADMIN_PASSWORD, PROGRAM, Server, environment, running_server

EXAMPLES = Path(__file__).parents[2] / "examples"

SCREEN_VARIABLES = ("COLUMNS", "LINES", "NO_COLOR", "FORCE_COLOR", "TERM")
"""Variables of the environment of the tests that would change the output."""


@dataclass(frozen=True)
class Completed:
    """A command that ended: its exit code and its output."""

    code: int
    out: str
    err: str = ""


@dataclass(frozen=True)
class Shell:
    """A person's shell: a home folder of its own, `BAYPLAN_*` settings, and other variables."""

    home: Path
    settings: dict[str, str] = field(default_factory=dict)
    variables: dict[str, str] = field(default_factory=dict)

    def run(self, *arguments: str, typed: str = "", code: int = 0) -> Completed:
        """Runs `bayplan` in a pipe; it must end with that exit code, and never with a traceback."""
        done = forks.run([PROGRAM, *arguments], self._environment(), typed)
        assert "Traceback" not in done.stderr, done.stderr
        assert done.returncode == code, f"{done.returncode}: {done.stdout}{done.stderr}"
        return Completed(done.returncode, done.stdout, done.stderr)

    def at_terminal(self, *arguments: str, columns: int = 80, typed: tuple[str, ...] = ()) -> Completed:
        """Runs `bayplan` on a terminal of that width, and types a line at each question ("User: ").

        The output has its colours.
        """
        terminal, its_end = pty.openpty()
        fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
        variables = {"TERM": "xterm-256color"} | self._environment()
        process = forks.start([PROGRAM, *arguments], variables, (its_end, its_end, its_end), has_terminal=True)
        os.close(its_end)
        lines = list(typed)
        output = b""
        while True:
            try:
                part = os.read(terminal, 65536)
            except OSError:  # on Linux: the other end is closed
                break
            if not part:
                break
            output += part
            if lines and output.endswith(b": "):
                os.write(terminal, f"{lines.pop(0)}\n".encode())
        os.close(terminal)
        return Completed(process.wait(60), output.decode().replace("\r\n", "\n"))

    def with_settings(self, **settings: str) -> "Shell":
        """The same shell with other settings."""
        return replace(self, settings=settings)

    def _environment(self) -> dict[str, str]:
        inherited = {name: value for name, value in environment(self.settings).items() if name not in SCREEN_VARIABLES}
        own = {"HOME": str(self.home), "XDG_CONFIG_HOME": str(self.home / "config"), "LANG": "C.UTF-8"}
        return inherited | own | self.variables


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server whose catalogue is the examples; tests add to it under names of their own."""
    with running_server(tmp_path_factory.mktemp("server") / "home") as running:
        shell = _staff(running, tmp_path_factory.mktemp("filling"))
        shell.run("apply", str(EXAMPLES / "catalogue.yaml"), "--yes")
        shell.run("apply", str(EXAMPLES / "fleet.yaml"), "--yes")
        yield running


@pytest.fixture
def shell(server: Server, tmp_path: Path) -> Shell:
    """The shell of staff, with an access token in its environment."""
    return _staff(server, tmp_path)


@pytest.fixture
def stranger(tmp_path: Path) -> Shell:
    """A shell without a server, a token or a session."""
    return Shell(tmp_path)


def _staff(server: Server, home: Path) -> Shell:
    return Shell(home, {"server": server.url, "token": server.token()})


@pytest.fixture
def password() -> str:
    """The password of the user `admin`."""
    return ADMIN_PASSWORD
