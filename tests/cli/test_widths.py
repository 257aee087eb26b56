"""Every list, show and status on a terminal of 60 and of 120 columns: no name is broken at the end of a line."""

import re

import pytest

from tests.cli.conftest import Shell

VIEWS = (
    "images list",
    "images show jupyter-scipy-notebook:2024-10-07 pytorch:2.7.1-cuda12.8-cudnn9-runtime",
    "nodes list",
    "nodes show rtx5090.example.org",
    "user list",
    "context list",
    "list licences",
    "match --node t4.example.org",
    "fit pytorch:2.7.1-cuda12.8-cudnn9-runtime",
    "explain",
)
ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


@pytest.mark.parametrize("view", VIEWS)
def test_no_name_is_broken_at_any_width(shell: Shell, view: str) -> None:
    shell.run(
        "context", "add", "a-context-with-a-rather-long-name-for-sixty", "--server", "https://bayplan.example.org"
    )
    names = [line for line in shell.run(*view.split(), "-o", "name").out.splitlines() if " " not in line]
    for columns in (60, 120):
        drawn = ESCAPES.sub("", shell.at_terminal(*view.split(), columns=columns).out)
        joined = "".join(drawn.split())
        broken = [name for name in names if name in joined and not any(name in word for word in drawn.split())]
        assert broken == [], f"{columns}: {drawn}"
        # a word that is longer than the terminal stands whole in a line of its own, or behind two spaces
        longest = max(map(len, drawn.split()), default=0) + 2
        assert max(map(len, drawn.splitlines()), default=0) <= max(columns, longest), f"{columns}: {drawn}"
