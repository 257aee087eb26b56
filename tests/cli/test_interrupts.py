"""Ctrl-C at a terminal: in every question and wait it ends the command with 130, with one plain line at most and no traceback."""

import socket
from dataclasses import replace

import pytest

from tests.cli.conftest import Shell
from tests.cli.terminal import Terminal
from tests.cli.test_widths import ESCAPES
from tests.process import PROGRAM


@pytest.mark.parametrize("arguments", ["login", "login -u admin", "nodes rm t4.example.org"])
def test_a_question_is_interrupted(shell: Shell, arguments: str) -> None:
    with Terminal([str(PROGRAM), *arguments.split()], shell._environment(), columns=60) as terminal:
        at = terminal.wait_for(": ")
        assert terminal.interrupt() == 130
    assert len(terminal.output[at:].strip().splitlines()) <= 1
    assert "Traceback" not in terminal.output


@pytest.mark.parametrize(
    "arguments",
    [
        "check {silent}/a/image:1 --cpu-only",
        "nodes list --watch",
        "images verify",
    ],
)
def test_a_wait_is_interrupted(stranger: Shell, arguments: str) -> None:
    """For a server or a registry that takes connections and answers nothing."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        silent = f"127.0.0.1:{listener.getsockname()[1]}"
        names = {"registry_insecure": silent, "registry_allow_private": silent}
        waiting = replace(stranger, settings={"server": f"http://{silent}", "token": "x", **names})
        command = [str(PROGRAM), *arguments.format(silent=silent).split()]
        with Terminal(command, waiting._environment(), columns=60) as terminal:
            connection, _ = listener.accept()
            with connection:
                assert terminal.interrupt() == 130
    plain = ESCAPES.sub("", terminal.output).replace("^C", "").strip()
    assert len(plain.splitlines()) <= 1
    assert "Traceback" not in plain
