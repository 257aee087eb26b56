"""Runs the commands that a page shows, on a fresh server, and puts what they really print under them.

A command is a line that begins with `$ ` in a block marked `console`; what follows it, up to the next command, is its
output. Each page has a module that writes it, and a test that runs the same and fails where the page shows anything else.
"""

import os
import re
import shlex
import subprocess
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

from tests.forks import start
from tests.process import ADMIN_PASSWORD, PROGRAM, environment, running_server

ROOT = Path(__file__).parents[1]
SERVED_AT = "http://127.0.0.1:8000"
COLUMNS = 120
TIMES = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d UTC")
A_TIME = "2026-01-31 12:00 UTC"
"""What a page shows in place of every time."""
OF_A_SHELL = frozenset("|&;<>()$`*?~#\\")
_BLOCK = re.compile(r"(?<=^```console\n).*?(?=^```$)", re.MULTILINE | re.DOTALL)


def toured(page: str, run: Callable[[str], str]) -> str:
    """The page with the output of each of its commands, in their order, as `run` gives it."""

    def block(match: re.Match[str]) -> str:
        commands = [line for line in match.group().splitlines() if line.startswith("$ ")]
        return "\n".join(f"{command}\n{run(command[2:])}" for command in commands)

    return _BLOCK.sub(block, page)


def toured_on_a_fresh_server(
    page: str,
    *,
    names: Mapping[str, str] | None = None,
    variables: Mapping[str, str] | None = None,
    starts_anew: bool = True,
    **settings: str,
) -> str:
    """The page with what its commands print on a new server, one after another, from the repository's folder.

    `names` has what the page shows in place of a real name, both ways; `variables` are added to the environment of the commands.
    Names that are as long as the real ones move no column. Where nothing `starts_anew`, commands without a pipe are forks.
    """
    with tempfile.TemporaryDirectory() as folder, running_server(Path(folder) / "home", **settings) as server:
        credentials = {"server": server.url, "username": "admin", "password": ADMIN_PASSWORD}
        surroundings = (
            environment(credentials)
            | {
                "PATH": f"{PROGRAM.parent}{os.pathsep}{os.environ['PATH']}",
                "HOME": folder,
                "COLUMNS": str(COLUMNS),
                "NO_COLOR": "1",
                "TERM": "dumb",
            }
            | dict(variables or {})
        )
        shown_as = {server.url: SERVED_AT} | dict(names or {})

        def run(command: str) -> str:
            for real, shown in shown_as.items():
                command = command.replace(shown, real)
            words: list[str | Path] = ["bash", "-c", command]
            if not starts_anew and command.startswith("bayplan ") and OF_A_SHELL.isdisjoint(command):
                words = [PROGRAM, *shlex.split(command)[1:]]
            with tempfile.TemporaryFile() as output:
                code = start(words, surroundings, (subprocess.DEVNULL, output, output), folder=ROOT).wait(60)
                output.seek(0)
                printed = output.read().decode()
            if code not in (0, 1, 3):  # 3 is an answer: no, or there are differences
                raise RuntimeError(f"{command!r} ended with {code}:\n{printed}")
            for real, shown in shown_as.items():
                printed = printed.replace(real, shown)
            return "".join(f"{line.rstrip()}\n" for line in printed.splitlines())

        return TIMES.sub(A_TIME, toured(page, run))
