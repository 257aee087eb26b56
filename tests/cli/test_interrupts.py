"""Ctrl-C at a terminal: in every question and wait it ends the command with 130, with one plain line at most and no traceback."""

import pytest

from tests.cli.conftest import Shell
from tests.cli.terminal import CTRL_C, Terminal
from tests.process import PROGRAM


@pytest.mark.parametrize("arguments", ["login", "login -u admin", "nodes rm t4.example.org", "user add kim"])
def test_a_question_is_interrupted(shell: Shell, arguments: str) -> None:
    with Terminal([str(PROGRAM), *arguments.split()], shell._environment(), columns=60) as terminal:
        at = terminal.wait_for(": ")
        terminal.type(CTRL_C)
        assert terminal.end() == 130
    assert len(terminal.output[at:].strip().splitlines()) <= 1
    assert "Traceback" not in terminal.output
