"""The real registry program, `docker-registry` (CNCF Distribution), found or fetched.

Where it is not installed, its Debian package is fetched and unpacked beside the environment: nothing on the machine
changes, no service starts, and nobody has to be root for it.
"""

import fcntl
import os
import shutil
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path

import pytest

PLACE = Path(sys.prefix) / "share" / "docker-registry"
MISSING = "docker-registry is not installed and cannot be fetched; on Debian and Ubuntu: apt install docker-registry"


@cache
def registry_program() -> Path:
    """The program; the calling test is skipped, saying what is missing, where there is none."""
    installed = shutil.which("docker-registry")
    if installed is not None:
        return Path(installed)
    unpacked = PLACE / "usr" / "bin" / "docker-registry"
    PLACE.mkdir(parents=True, exist_ok=True)
    with (PLACE / "lock").open("w") as lock:  # several test processes want it at once
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not unpacked.exists() and not _fetch():
            pytest.skip(MISSING)
    return unpacked


def _fetch() -> bool:
    if shutil.which("apt-get") is None or shutil.which("dpkg") is None:
        return False
    with tempfile.TemporaryDirectory() as place:
        download = ("apt-get", "download", "-q", "docker-registry")
        if not _works(*download, folder=place):
            if os.geteuid() == 0:
                _works("apt-get", "update", "-q", folder=place)
            if not _works(*download, folder=place):
                return False
        package = next(iter(Path(place).glob("docker-registry_*.deb")), None)
        return package is not None and _works("dpkg", "-x", str(package), str(PLACE), folder=place)


def _works(*command: str, folder: str) -> bool:
    try:
        return subprocess.run(command, cwd=folder, capture_output=True, timeout=45).returncode == 0
    except subprocess.TimeoutExpired:
        return False
