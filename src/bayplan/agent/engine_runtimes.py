"""What the configuration of the container engines says of the NVIDIA runtime and of shared memory, read from their files.

Docker: `daemon.json` (docs.docker.com, dockerd: `runtimes`, `default-runtime`, `default-shm-size`, `features`), of a rootless
dockerd in the user's configuration folder, of the snap in its own. containerd: its CRI plugin (`default_runtime_name`, `runtimes`).
"""

import json
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bayplan.agent import files, system
from bayplan.agent.machine_fact import MachineFact, absent, measured, unreadable

SNAP = "var/snap/docker/current"
_DOCKER_PROGRAMS = ("usr/bin/dockerd", "usr/local/bin/dockerd", "snap/bin/dockerd", f"{SNAP}/config/daemon.json")
_PODMAN_PROGRAMS = ("usr/bin/podman", "usr/local/bin/podman")
_CONTAINERD = (
    "etc/containerd/config.toml",
    "var/lib/rancher/k3s/agent/etc/containerd/config.toml",
    "var/lib/rancher/rke2/agent/etc/containerd/config.toml",
)
_CONTAINERD_FOLDER = "etc/containerd/conf.d"
_PODMAN_FILES = ("etc/containers/containers.conf", "usr/share/containers/containers.conf")
_SHM_SIZE = re.compile(r'^\s*shm_size\s*=\s*"?([^"\n#]+)', re.MULTILINE)
_SIZE = re.compile(r"(\d{1,15})\s*([kmgt]?)i?b?", re.IGNORECASE)
_UNITS = {"": 1, "k": 1024, "m": 1024**2, "g": 1024**3, "t": 1024**4}
_NVIDIA = re.compile(r"nvidia-container-runtime(?:\.(?:cdi|legacy|real|experimental))?$")
_DEEPEST = 12


@dataclass(frozen=True, slots=True)
class NvidiaRuntime:
    """The NVIDIA runtime in an engine's configuration: its program, and whether containers are started with it unless they name another."""

    engine: str
    program: str
    is_default: bool


def docker_config(root: Path, environment: Mapping[str, str]) -> tuple[dict[str, Any] | None, str]:
    """Gives Docker's `daemon.json` and its path: empty where there is none, None where it cannot be read."""
    for path in _docker_files(root, environment):
        shown = f"/{path.relative_to(root)}"
        try:
            content = json.loads(files.text(path) or "{}")
        except FileNotFoundError:
            continue
        except (OSError, ValueError, RecursionError):
            return None, shown
        return (content, shown) if isinstance(content, dict) else (None, shown)
    return {}, "/etc/docker/daemon.json"


def cdi_folders(root: Path, environment: Mapping[str, str]) -> list[str]:
    """Gives the folders in which Docker reads CDI specifications, where its configuration names some (`cdi-spec-dirs`)."""
    folders = (docker_config(root, environment)[0] or {}).get("cdi-spec-dirs")
    names = folders if isinstance(folders, list) else []
    return [name for name in names if isinstance(name, str) and name.startswith("/") and "\0" not in name]


def _docker_files(root: Path, environment: Mapping[str, str]) -> Iterator[Path]:
    if environment.get("HOME") and os.geteuid() != 0:  # a dockerd of this user
        home = environment.get("XDG_CONFIG_HOME") or f"{environment['HOME']}/.config"
        yield root / home.lstrip("/") / "docker/daemon.json"
    yield root / "etc/docker/daemon.json"
    yield root / SNAP / "config/daemon.json"


def nvidia_runtime(root: Path, environment: Mapping[str, str]) -> NvidiaRuntime | None:
    """Gives the NVIDIA runtime of Docker, else of containerd; None where no engine has one in its files."""
    content, _ = docker_config(root, environment)
    runtimes = (content or {}).get("runtimes")
    default = (content or {}).get("default-runtime")
    for name, runtime in runtimes.items() if isinstance(runtimes, dict) else ():
        program = runtime.get("path") if isinstance(runtime, dict) else None
        if isinstance(program, str) and _NVIDIA.search(program):
            return NvidiaRuntime("Docker", program, is_default=default == name)
    for path in [
        *(root / name for name in _CONTAINERD),
        *(
            root / _CONTAINERD_FOLDER / name
            for name in files.names(root / _CONTAINERD_FOLDER)
            if name.endswith(".toml")
        ),
    ]:
        text = files.text_or_nothing(path)
        for plugin in _containerd_plugins(text) if text else ():
            for name, runtime in plugin["runtimes"].items():
                options = runtime.get("options") if isinstance(runtime, dict) else None
                program = options.get("BinaryName") if isinstance(options, dict) else None
                if isinstance(program, str) and _NVIDIA.search(program):
                    is_default = plugin.get("default_runtime_name") == name
                    return NvidiaRuntime("containerd", program, is_default=is_default)
    return None


def _containerd_plugins(text: str) -> Iterator[dict[str, Any]]:
    """Gives the tables of a configuration that have runtimes, wherever its version has them."""
    try:
        tables: list[tuple[Any, int]] = [(files.toml(text), 0)]
    except ValueError:
        return
    while tables:
        table, depth = tables.pop()
        if not isinstance(table, dict) or depth > _DEEPEST:
            continue
        if isinstance(table.get("runtimes"), dict):
            yield table
        tables += [(value, depth + 1) for value in table.values()]


def shared_memory(root: Path, environment: Mapping[str, str]) -> MachineFact:
    """Gives the shared memory (/dev/shm) of a container that asks for none, where this machine's engine is configured to give one.

    An engine that is not gives 64 MiB (moby `daemon/config: DefaultShmSize`, Podman's containers.conf), and more to each container
    that is started with `--shm-size` or `--ipc=host`: that is no property of the machine. In a container without an engine the size
    of its own is what its programs have.
    """
    has_socket = any(_is_there(root / name) for name in ("run/docker.sock", "var/run/docker.sock"))
    if not has_socket and system.is_container(root):
        return _own(root)
    if has_socket or any(_is_there(root / name) for name in _DOCKER_PROGRAMS):
        content, path = docker_config(root, environment)
        if content is None:
            return unreadable(f"{path} cannot be read")
        return _configured("default-shm-size", content.get("default-shm-size"), path)
    if any(_is_there(root / name) for name in _PODMAN_PROGRAMS):
        for name in _PODMAN_FILES:
            match = _SHM_SIZE.search(files.text_or_nothing(root / name))
            if match is not None:
                return _configured("shm_size", match.group(1).strip(), f"/{name}")
        return _configured("shm_size", None, f"/{_PODMAN_FILES[0]}")
    return absent("the machine has neither Docker nor Podman")


def _configured(name: str, size: object, path: str) -> MachineFact:
    if size is None:
        return absent(f"{path} has no {name}: a container gets the 64 MiB of the engine, or what it is started with")
    size_bytes = _size_bytes(size)
    return unreadable(f"{name} in {path} is no size") if size_bytes is None else measured(size_bytes, path)


def _is_there(path: Path) -> bool:
    return not files.is_missing(path)


def _own(root: Path) -> MachineFact:
    name = "/dev/shm"  # noqa: S108  # its size is read, and nothing is written
    try:
        disk = os.statvfs(root / name.lstrip("/"))
    except OSError as error:
        return unreadable(f"{name} cannot be read: {files.why(error)}")
    size_bytes = disk.f_blocks * disk.f_frsize
    return measured(size_bytes, f"{name} of this container") if size_bytes > 0 else unreadable(f"{name} has no size")


def _size_bytes(size: object) -> int | None:
    """Gives a size as dockerd reads it: a number of bytes, or a text with a unit of 1024 ("64m", "1GiB")."""
    match = _SIZE.fullmatch(str(size).strip()) if isinstance(size, str | int) and not isinstance(size, bool) else None
    if match is None:
        return None
    size_bytes = int(match.group(1)) * _UNITS[match.group(2).lower()]
    return size_bytes if 0 < size_bytes < 2**50 else None
