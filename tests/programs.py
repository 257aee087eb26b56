"""The real programs that tests run against, found or fetched: a registry, a container engine, a second opinion.

Where one is not installed, its Debian packages are fetched and unpacked beside the environment: nothing on the machine
changes, no service starts, and nobody has to be root for it. It happens once, whichever test process wants it first.
"""

import fcntl
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

PLACE = Path(sys.prefix) / "share" / "programs"
FETCH_TIMEOUT_SECONDS = 240
"""For a test that may have to fetch: more than the usual two minutes, at a slow mirror."""

# By the program that is started: all that it starts itself, and the packages that have them. What every Debian has
# (the C library, systemd's) is not among them.
_PROGRAMS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "chromium": (
        ("chromium",),
        (
            "chromium-headless-shell",
            "chromium-common",
            "fonts-dejavu-core",
            "libasound2",
            "libasyncns0",
            "libatk1.0-0",
            "libbrotli1",
            "libbsd0",
            "libexpat1",
            "libmd0",
            "libudev1",
            "libatspi2.0-0",
            "libdav1d6",
            "libdbus-1-3",
            "libdouble-conversion3",
            "libdrm2",
            "libflac12",
            "libfontconfig1",
            "libfreetype6",
            "libgbm1",
            "libglib2.0-0",
            "libgraphite2-3",
            "libharfbuzz-subset0",
            "libharfbuzz0b",
            "libjpeg62-turbo",
            "liblcms2-2",
            "libminizip1",
            "libmp3lame0",
            "libmpg123-0",
            "libnspr4",
            "libnss3",
            "libogg0",
            "libopenh264-7",
            "libopenjp2-7",
            "libopus0",
            "libpng16-16",
            "libpulse0",
            "libsndfile1",
            "libvorbis0a",
            "libvorbisenc2",
            "libwayland-server0",
            "libx11-6",
            "libx11-xcb1",
            "libxau6",
            "libxcb1",
            "libxcomposite1",
            "libxdamage1",
            "libxdmcp6",
            "libxext6",
            "libxfixes3",
            "libxi6",
            "libxkbcommon0",
            "libxnvctrl0",
            "libxrandr2",
            "libxrender1",
        ),
    ),
    "docker-registry": (("docker-registry",), ("docker-registry",)),
    "dockerd": (
        ("dockerd", "containerd", "containerd-shim-runc-v2", "runc"),
        ("docker.io", "containerd", "runc", "libdevmapper1.02.1", "libseccomp2"),
    ),
    "pgbouncer": (("pgbouncer",), ("pgbouncer", "libc-ares2", "libevent-2.1-7")),
    "skopeo": (("skopeo",), ("skopeo", "libdevmapper1.02.1", "libgpgme11", "libassuan0")),
    "podman": (
        ("podman", "conmon", "runc"),
        (
            "podman",
            "conmon",
            "containernetworking-plugins",
            "runc",
            "golang-github-containers-common",
            "golang-github-containers-image",
            "libdevmapper1.02.1",
            "libgpgme11",
            "libassuan0",
            "libseccomp2",
            "libsubid4",
        ),
    ),
}
_FETCHED_AS = {"chromium": "chromium-headless-shell"}
"""What is fetched in place of a program: the same without a desktop, and without all the libraries that this needs."""
_FOLDERS = ("usr/lib/chromium", "usr/sbin", "usr/bin", "sbin", "bin")
_FONTS = """<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "fonts.dtd">
<fontconfig><dir>{folder}/usr/share/fonts</dir><cachedir>{folder}/fonts</cachedir></fontconfig>
"""


@dataclass(frozen=True)
class Program:
    """A program that is there, and the variables that it needs: where its libraries and what it starts are."""

    path: Path
    environment: dict[str, str]


@cache
def program(name: str) -> Program:
    """Gives the program; the calling test is skipped, saying what is missing, where there is none."""
    names, packages = _PROGRAMS[name]
    path = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin", "/sbin"])
    if all(shutil.which(executable, path=path) for executable in names):
        return Program(Path(str(shutil.which(name, path=path))), {"PATH": path})
    folder = PLACE / name
    PLACE.mkdir(parents=True, exist_ok=True)
    with (PLACE / f"{name}.lock").open("w") as lock:  # several test processes want it at once
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.exists():
            why = _fetch(packages, folder)
            if why is not None:
                pytest.skip(
                    f"{name} is not installed and cannot be fetched ({why}); on Debian and Ubuntu: apt install {packages[0]}"
                )
    own = os.pathsep.join(str(folder / subfolder) for subfolder in _FOLDERS)
    executable = shutil.which(_FETCHED_AS.get(name, name), path=own)
    assert executable is not None, f"{name} is in none of {packages}"
    environment = {"PATH": f"{own}{os.pathsep}{path}"}
    libraries = os.pathsep.join(str(subfolder) for subfolder in _library_folders(folder))
    if libraries:
        environment["LD_LIBRARY_PATH"] = libraries
    if (folder / "usr/share/fonts").is_dir():
        environment["FONTCONFIG_FILE"] = str(folder / "fonts.conf")
        (folder / "fonts.conf").write_text(_FONTS.format(folder=folder))
    return Program(Path(executable), environment)


def _library_folders(folder: Path) -> Iterator[Path]:
    for beginning in ("usr/lib", "lib"):
        root = folder / beginning
        for place in (root, *root.glob("*-linux-gnu*"), *root.glob("*-linux-gnu*/pulseaudio")):
            if any(place.glob("*.so*")):
                yield place


def _fetch(packages: tuple[str, ...], folder: Path) -> str | None:
    """Unpacks the packages into the folder, all of them or none; gives why that could not be done."""
    if shutil.which("apt-get") is None or shutil.which("dpkg") is None:
        return "there is no apt-get"
    with tempfile.TemporaryDirectory(dir=PLACE) as place:
        download = ("apt-get", "download", "-q", *packages)
        why = _trouble(*download, folder=place)
        if why is not None and os.geteuid() == 0:
            _trouble("apt-get", "update", "-q", folder=place)
            why = _trouble(*download, folder=place)
        if why is not None:
            return why
        unpacked = Path(place) / "unpacked"
        for package in sorted(Path(place).glob("*.deb")):
            why = _trouble("dpkg", "-x", str(package), str(unpacked), folder=place)
            if why is not None:
                return why
        unpacked.rename(folder)
    return None


def _trouble(*command: str, folder: str) -> str | None:
    """What a command complained of last, None where it worked."""
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=100)
    except subprocess.TimeoutExpired:
        return f"{command[0]} took too long"
    return None if done.returncode == 0 else (done.stderr.strip().splitlines() or [f"{command[0]} failed"])[-1]
