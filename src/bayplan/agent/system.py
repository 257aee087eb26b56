"""What kind of system a machine has: its name, its kernel, whether Windows runs it, and its release of Jetson Linux."""

import re
from pathlib import Path

from bayplan.agent import files, integrated, packages
from bayplan.agent.machine_fact import MachineFact, absent, measured, unreadable
from bayplan.domain.machine_address import host_name
from bayplan.errors import Invalid

_RELEASE = "proc/sys/kernel/osrelease"
_VERSION = "proc/version"
_HOST_NAME = "proc/sys/kernel/hostname"
# The name of a machine that nobody gave one: hostname(5), and systemd's fallback (os-release(5), DEFAULT_HOSTNAME).
_NO_NAME = ("localhost", "(none)")
# Docker and Podman call a container by the first digits of its key where nobody gives it a name (`docker run --hostname`).
_OF_A_CONTAINER = re.compile(r"[0-9a-f]{12}")
_CONTAINER_FILES = (".dockerenv", "run/.containerenv")
_KERNEL = re.compile(r"\d{1,3}\.\d{1,4}[\w.+~-]{0,90}")
# Microsoft's kernels have it in their name; WSL 1 writes it with a capital.
_WSL = re.compile(r"microsoft", re.IGNORECASE)
_L4T_PACKAGE = "nvidia-l4t-core"
_L4T_VERSION = re.compile(r"(\d{2}\.\d{1,2}(?:\.\d{1,2})?)(?:[-~+].*)?")


def is_container(root: Path) -> bool:
    """Whether this is a container of Docker or Podman, as far as their files tell."""
    return not all(files.is_missing(root / name) for name in _CONTAINER_FILES)


def hostname(root: Path) -> MachineFact:
    """Gives the machine's own name ("gpu07"), in lower case. A name that only an engine gave to a container is none."""
    try:
        text = files.text(root / _HOST_NAME).strip()
    except (OSError, ValueError) as error:
        return unreadable(f"/{_HOST_NAME} cannot be read: {files.why(error)}")
    if (first := text.partition(".")[0].lower()) in _NO_NAME:
        return unreadable(f"the machine is called {first}: `hostnamectl hostname NAME` gives it a name")
    if _OF_A_CONTAINER.fullmatch(text) and is_container(root):
        return unreadable(f"{text} is the name of a container: start it with --hostname NAME, or with --network host")
    try:
        return measured(host_name(text), f"/{_HOST_NAME}")
    except Invalid:
        return unreadable(f"/{_HOST_NAME} has no host name")


def kernel_version(root: Path) -> MachineFact:
    """Gives the release of the running kernel ("6.8.0-45-generic")."""
    try:
        release = files.text(root / _RELEASE).strip()
    except (OSError, ValueError) as error:
        return unreadable(f"/{_RELEASE} cannot be read: {files.why(error)}")
    if _KERNEL.fullmatch(release) is None:
        return unreadable(f"/{_RELEASE} has no release of a kernel")
    return measured(release, f"/{_RELEASE}")


def wsl(root: Path) -> MachineFact:
    """Gives whether the system runs in the Windows Subsystem for Linux: by the kernel's name, or the device and libraries of Windows.

    A kernel that somebody built for WSL has another name; `/dev/dxg` alone is in other virtual machines on Hyper-V as well.
    """
    if not files.is_missing(root / "dev/dxg") and not files.is_missing(root / "usr/lib/wsl"):
        return measured(True, "/dev/dxg and /usr/lib/wsl")
    try:
        version = files.text(root / _VERSION)
    except (OSError, ValueError) as error:
        return unreadable(f"/{_VERSION} cannot be read: {files.why(error)}")
    return measured(_WSL.search(version) is not None, f"/{_VERSION}")


def l4t_version(root: Path) -> MachineFact:
    """Gives the release of Jetson Linux ("36.4.3") of a Jetson: by its release file, or the package of its core."""
    release = integrated.l4t_version(root)
    if release is not None:
        return measured(release, "/etc/nv_tegra_release")
    if integrated.tegra(root) is None:
        return absent("the machine is no Jetson")
    match = _L4T_VERSION.fullmatch(packages.debian_version(root, _L4T_PACKAGE) or "")
    if match is None:
        return unreadable(
            "neither /etc/nv_tegra_release nor the package nvidia-l4t-core has the release of Jetson Linux"
        )
    return measured(match.group(1), f"the package {_L4T_PACKAGE}")
