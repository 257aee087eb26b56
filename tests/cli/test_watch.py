"""`--watch`: rows that change, on a terminal and in a pipe; a server that goes away; and that nothing is asked twice."""

import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import IO

import pytest

from bayplan.cli import watching
from bayplan.cli.options import OutputFormat
from bayplan.client import Client
from tests.cli.conftest import Shell
from tests.cli.terminal import Terminal
from tests.process import PROGRAM, Server

PATIENCE_SECONDS = 30.0


class Relay:
    """A port that carries requests on to a server, and can be closed for a while; it keeps the answers' status lines."""

    def __init__(self, port: int) -> None:
        self._to_port = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.answers: list[bytes] = []
        self._ends: list[socket.socket] = []
        self._threads: list[threading.Thread] = []
        self._start(self._accept, self._listener)

    def close(self) -> None:
        """Ends all connections, and takes no others."""
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for end in self._ends:
            _shut(end)
        for thread in self._threads:
            thread.join()
        for end in self._ends:
            end.close()
        self._ends.clear()

    def open_again(self) -> None:
        """Takes connections at the same port as before."""
        self._listener = socket.create_server(("127.0.0.1", self.port))
        self._start(self._accept, self._listener)

    def _start(self, work: Callable[..., None], *arguments: object) -> None:
        self._threads.append(threading.Thread(target=work, args=arguments, daemon=True))
        self._threads[-1].start()

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                near, _ = listener.accept()
            except OSError:
                return
            far = socket.create_connection(("127.0.0.1", self._to_port))
            self._ends += [near, far]
            self._start(self._carry, near, far, False)
            self._start(self._carry, far, near, True)

    def _carry(self, source: socket.socket, sink: socket.socket, is_answer: bool) -> None:
        try:
            while part := source.recv(65_536):
                if is_answer and part.startswith(b"HTTP/1.1 "):
                    self.answers.append(part[9:12])
                sink.sendall(part)
        except OSError:
            pass
        _shut(sink)


def _shut(end: socket.socket) -> None:
    """Ends a connection, whether or not its other end is gone."""
    try:
        end.shutdown(socket.SHUT_RDWR)
    except OSError:
        return


@pytest.fixture
def relay(server: Server) -> Iterator[Relay]:
    """A relay to the server."""
    relay = Relay(server.port)
    yield relay
    relay.close()


@contextmanager
def watched(shell: Shell, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """A command that watches, in a pipe; at the end it is interrupted, and ends as it should."""
    with subprocess.Popen(
        [PROGRAM, *arguments, "--watch"],
        env=shell._environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        bufsize=1,
    ) as process:
        try:
            yield process
        finally:
            process.send_signal(signal.SIGINT)
            _, error = process.communicate(timeout=PATIENCE_SECONDS)
        assert (process.returncode, error) == (130, "")


def line_with(stream: IO[str] | None, text: str) -> str:
    """The next line that has the text."""
    assert stream is not None
    while text not in (line := stream.readline()):
        assert line, f"it ended without {text!r}"
    return line


def test_a_pipe_gets_the_rows_that_changed_and_the_server_is_asked_for_no_more(
    server: Server, relay: Relay, shell: Shell
) -> None:
    before = len(shell.run("nodes", "list", "-o", "name").out.splitlines())
    shell.run("nodes", "add", "watched.example.org", "--driver", "550.54.15", "-q")
    through = shell.with_settings(server=f"http://127.0.0.1:{relay.port}", token=server.token())
    with watched(through, "nodes", "list") as process:
        line_with(process.stdout, "watched.example.org#0")
        line_with(process.stdout, " nodes\n")
        _wait_for(relay, 3)
        assert relay.answers[:3] == [b"200", b"304", b"304"], "nothing changed, and nothing was sent"
        shell.run("nodes", "edit", "watched.example.org", "--driver", "570.86.15")
        changed = process.stdout.readline()  # type: ignore[union-attr]  # it is a pipe
        assert changed.split()[1:2] == ["watched.example.org#0"], "no other row comes again"
        assert "570.86.15" in changed
        relay.close()
        assert "Waiting for it." in line_with(process.stderr, f"http://127.0.0.1:{relay.port}")
        shell.run("nodes", "rm", "watched.example.org", "-y")
        relay.open_again()
        assert line_with(process.stderr, "again") == "It answers again.\n"
        assert line_with(process.stdout, "") == f"{before} nodes\n"


@pytest.mark.parametrize("log", ["history", "audit"])
def test_a_log_that_has_not_changed_is_not_sent_again_for_a_later_time(
    server: Server, relay: Relay, shell: Shell, log: str
) -> None:
    with Client(f"http://127.0.0.1:{relay.port}", token=server.token()) as bayplan:
        bayplan.remember_answers()
        read = bayplan.history if log == "history" else bayplan.credentials.audit
        first, second = ([*read(since=f"2026-01-01T00:00:0{at}Z", limit=3)] for at in (1, 2))
        assert first == second
        assert relay.answers == [b"200", b"304"]
        shell.run("nodes", "add", "logged.example.org", "-q")
        newest = [*read(since="2026-01-01T00:00:03Z", limit=3)]
        assert (newest != first) == (log == "history")
    shell.run("nodes", "rm", "logged.example.org", "-y")


def _wait_for(relay: Relay, number: int) -> None:
    ends = time.monotonic() + PATIENCE_SECONDS
    while len(relay.answers) < number:
        assert time.monotonic() < ends
        time.sleep(0.05)


def test_a_terminal_is_drawn_anew_and_keeps_the_last_list(shell: Shell) -> None:
    command = [str(PROGRAM), "prefetch", "list", "-w"]
    with Terminal(command, shell._environment(), columns=60) as terminal:
        at = terminal.wait_for("No rules.")
        shell.run("prefetch", "add", "watched rule", "--task", "train", "-q")
        terminal.wait_for("watched rule", after=at)
        shell.run("prefetch", "rm", "watched rule", "-y")
        assert terminal.interrupt() == 130
    assert terminal.output.startswith("\x1b[?1049h")
    last = terminal.output.rpartition("\x1b[?1049l")[2]
    assert "1 rule" in last or "No rules." in last
    assert "Traceback" not in terminal.output


def test_a_server_that_is_not_there_at_the_start_is_an_error(stranger: Shell) -> None:
    nowhere = stranger.with_settings(server="http://127.0.0.1:9", token="x")
    assert nowhere.run("images", "list", "--watch", code=1).err.startswith("Nothing answers at http://127.0.0.1:9")


def test_data_comes_whole_when_it_has_changed(capsys: pytest.CaptureFixture[str]) -> None:
    show = watching._appended(OutputFormat.YAML)
    for output in ("- a\n", "- a\n", "- b\n"):
        show(output, "")
    assert capsys.readouterr().out == "- a\n---\n- b\n"


def test_the_passing_of_time_is_no_change(capsys: pytest.CaptureFixture[str]) -> None:
    show = watching._appended(OutputFormat.TABLE)
    show("NODE  LAST SEEN\na#0   just now\nb#0   never\n", "")
    show("NODE   LAST SEEN\na#0    3 minutes ago\nb#0    never\nlonger 1 hour ago\n", "")
    show("NODE   LAST SEEN\na#0    5 minutes ago, silent\nb#0    never\nlonger 1 hour ago\n", "")
    assert capsys.readouterr().out.splitlines()[3:] == ["longer 1 hour ago", "a#0    5 minutes ago, silent"]


def test_a_list_that_is_longer_than_the_terminal_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LINES", "5")
    monkeypatch.setenv("COLUMNS", "10")
    assert watching._that_fit(["a"] * 4) == ["a"] * 4
    assert watching._that_fit(["a"] * 5) == ["a"] * 3 + ["... and 2 more lines"]
    assert watching._that_fit(["a" * 25, "b", "c"]) == ["a" * 25, "... and 2 more lines"]
    assert watching._that_fit(["\x1b[1m" + "a" * 10 + "\x1b[0m"] * 4)[-1].count("a") == 10


def test_a_plain_terminal_gets_rows_below_each_other(shell: Shell) -> None:
    environment = replace(shell, variables={"NO_COLOR": "1"})._environment()
    with Terminal([str(PROGRAM), "list", "domains", "-w"], environment, columns=120) as terminal:
        terminal.wait_for("Object Detection")
        assert terminal.interrupt() == 130
    assert "\x1b" not in terminal.output
