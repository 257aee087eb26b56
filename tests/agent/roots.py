"""Folders in the place of `/`: a machine's files, written by a test."""

from collections.abc import Mapping
from pathlib import Path


def root_with(root: Path, contents: Mapping[str, str | bytes]) -> Path:
    """Writes files below a folder, and gives the folder."""
    for name, content in contents.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    return root


def program(root: Path, name: str, output: str, code: int = 0) -> None:
    """Writes a program below a folder, which prints a text."""
    root_with(root, {name: f"#!/bin/sh\ncat <<'END'\n{output}END\nexit {code}\n"})
    (root / name).chmod(0o755)
