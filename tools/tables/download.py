"""Downloads one wheel by name and version, through pip and whatever index its own configuration names."""

import os
import subprocess
import sys
from pathlib import Path

PYTHONS = ("3.12", "3.11", "3.10", "3.9", "3.8")
_GLIBC = ("2_17", "2_24", "2_27", "2_28", "2_31", "2_34", "2_35")
_MACHINES = {"amd64": "x86_64", "arm64": "aarch64"}
_TIMEOUT_S = 1800


class NoWheel(Exception):
    """There is no such wheel for any Python of `PYTHONS`, or it did not come."""


def download(project: str, version: str, architecture: str, folder: Path) -> Path:
    """Gives the path of the wheel in `folder`, which must be empty. Raises NoWheel with pip's own words."""
    machine = _MACHINES[architecture]
    tags = [f"manylinux_{glibc}_{machine}" for glibc in _GLIBC] + [f"manylinux2014_{machine}", f"linux_{machine}"]
    if architecture == "amd64":
        tags += ["manylinux2010_x86_64", "manylinux1_x86_64"]
    platforms = [argument for tag in tags for argument in ("--platform", tag)]
    said = ""
    for python in PYTHONS:
        command = [
            *(sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"),
            *("--only-binary", ":all:", "--python-version", python, *platforms, "--dest", str(folder)),
            f"{project}=={version}",
        ]
        # The version is exact, so constraints of this machine's own installations have no say.
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            check=False,
            timeout=_TIMEOUT_S,
            env=os.environ | {"PIP_CONSTRAINT": os.devnull, "PIP_NO_CACHE_DIR": "1"},
        )
        wheels = list(folder.glob("*.whl"))
        if done.returncode == 0 and wheels:
            return wheels[0]
        said = done.stderr.strip().splitlines()[-1] if done.stderr.strip() else f"pip ended with {done.returncode}"
    raise NoWheel(said)
