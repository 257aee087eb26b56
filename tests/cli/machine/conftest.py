"""A machine without a server, and what is run on it."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.agent.box import Box, has_nvml
from tests.process import PROGRAM

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def box(tmp_path: Path) -> Box:
    """A machine; tests give it GPUs."""
    if has_nvml():
        pytest.skip("this machine has NVML of its own")
    return Box(tmp_path)


@pytest.fixture
def run(box: Box) -> Run:
    """Runs `bayplan` on the machine; it must end with that exit code, and never with a traceback."""

    def ran(*arguments: str, code: int = 0, typed: str = "", **variables: str) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [PROGRAM, *arguments],
            env=box.environment() | variables,
            input=typed,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert "Traceback" not in done.stderr, done.stderr
        assert done.returncode == code, f"{done.returncode}: {done.stdout}{done.stderr}"
        return done

    return ran
