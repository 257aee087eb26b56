"""Runs the commands that README.md shows, on a fresh server, and puts what they really print under them.

`make tour` (or `python -m tests.tour`) writes the page; `tests/test_docs.py` runs the same and fails where the page
shows anything else. A command is a line that begins with `$ ` in a block marked `console`; what follows it, up to the
next command, is its output.
"""

import os
import re
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

from tests.process import ADMIN_PASSWORD, PROGRAM, environment, running_server

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
SERVED_AT = "http://127.0.0.1:8000"
COLUMNS = 120
_BLOCK = re.compile(r"(?<=^```console\n).*?(?=^```$)", re.MULTILINE | re.DOTALL)


def toured(page: str, run: Callable[[str], str]) -> str:
    """The page with the output of each of its commands, in their order, as `run` gives it."""

    def block(found: re.Match[str]) -> str:
        commands = [line for line in found.group().splitlines() if line.startswith("$ ")]
        return "\n".join(f"{command}\n{run(command[2:])}" for command in commands)

    return _BLOCK.sub(block, page)


def toured_on_a_fresh_server(page: str) -> str:
    """The page with what its commands print on a new server, one after another, from the repository's folder."""
    with tempfile.TemporaryDirectory() as folder, running_server(Path(folder) / "home") as server:
        settings = {"server": server.url, "username": "admin", "password": ADMIN_PASSWORD}
        surroundings = environment(settings) | {
            "PATH": f"{PROGRAM.parent}{os.pathsep}{os.environ['PATH']}",
            "HOME": folder,
            "COLUMNS": str(COLUMNS),
            "NO_COLOR": "1",
            "TERM": "dumb",
        }

        def run(command: str) -> str:
            done = subprocess.run(
                ["bash", "-c", command],
                cwd=ROOT,
                env=surroundings,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                timeout=60,
                check=False,
            )
            if done.returncode not in (0, 1):
                raise RuntimeError(f"{command!r} ended with {done.returncode}:\n{done.stdout}")
            lines = [line.rstrip() for line in done.stdout.replace(server.url, SERVED_AT).splitlines()]
            return "".join(f"{line}\n" for line in lines)

        return toured(page, run)


def main() -> None:
    """Writes README.md anew, and says whether it was as it should be."""
    before = README.read_text(encoding="utf-8")
    after = toured_on_a_fresh_server(before)
    README.write_text(after, encoding="utf-8")
    print("README.md was as it should be." if before == after else "README.md has changed: read it, then commit it.")


if __name__ == "__main__":
    main()
