"""The NVIDIA container toolkit of a machine: its version, and the mode of its runtime.

The version is what its programs say (`nvidia-ctk --version`), else Debian's package, else the name of its library, which is released
with it under the same number. The mode is in `config.toml` (NVIDIA/nvidia-container-toolkit `api/config/v1/config.go`: the path is
NVIDIA_CTK_CONFIG_FILE_PATH, else below XDG_CONFIG_HOME, else below /etc, and the mode "auto" where none is written), unless the engine
starts one of the programs that have a mode of their own (`nvidia-container-runtime.cdi`, `.legacy`).
"""

import re
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

from bayplan.agent import child, engine_runtimes, files, packages, values
from bayplan.agent.engine_runtimes import NvidiaRuntime
from bayplan.agent.machine_fact import MachineFact, absent, measured, unreadable

MODES = frozenset(("auto", "legacy", "csv", "cdi", "jit-cdi"))
_PROGRAMS = ("nvidia-ctk", "nvidia-container-runtime", "nvidia-container-cli")
_OPERATOR = "usr/local/nvidia/toolkit"  # where the GPU operator installs the toolkit
_FOLDERS = ("usr/bin", "usr/local/bin", _OPERATOR, "snap/docker/current/usr/bin", "run/current-system/sw/bin")
_PACKAGES = ("nvidia-container-toolkit", "nvidia-container-toolkit-base", "nvidia-container-runtime")
_LIBRARY_FOLDERS = ("usr/lib/x86_64-linux-gnu", "usr/lib/aarch64-linux-gnu", "usr/lib64", "usr/lib")
_PRINTED = re.compile(r"version:?\s+v?(\S{1,40})", re.IGNORECASE)
_VERSION = re.compile(r"(\d{1,2}\.\d{1,3}\.\d{1,3})(?:[~-](rc\.?\d{1,2}))?(?:-\d+)?")
_LIBRARY = re.compile(r"libnvidia-container\.so\.(\d{1,2}\.\d{1,3}\.\d{1,3})")
_CONFIG = "nvidia-container-runtime/config.toml"


def version(
    root: Path, runtime: NvidiaRuntime | None = None, timeout_seconds: float = child.TIMEOUT_SECONDS
) -> MachineFact:
    """Gives the toolkit's version ("1.17.8"), that of the program which the engine starts first.

    Each of its programs has so many seconds to say it.
    """
    failures = []
    for program in _programs(root, runtime):
        try:
            printed = child.output([str(program), "--version"], timeout_seconds)
        except OSError as error:
            failures.append(f"{program.name} --version: {files.why(error)}")
            continue
        match = _PRINTED.search(printed)
        number = _number(match.group(1)) if match else None
        if number is not None:
            return measured(number, f"{program.name} --version")
        failures.append(f"{program.name} --version prints no version: {values.printable(printed, most=60)}")
    for package in _PACKAGES:
        number = _number(packages.debian_version(root, package) or "")
        if number is not None:
            return measured(number, f"the package {package}")
    for folder in _LIBRARY_FOLDERS:
        for name in reversed(files.names(root / folder)):
            library = _LIBRARY.fullmatch(name)
            if library is not None:
                return measured(library.group(1), f"/{folder}/{name}")
    if failures:
        return unreadable("; ".join(failures))
    return absent("the NVIDIA container toolkit is not installed, as far as this user sees")


def _programs(root: Path, runtime: NvidiaRuntime | None) -> Iterator[Path]:
    """Gives the first program of the toolkit in each place that has one."""
    started = runtime.program.strip("/").rpartition("/")[0] if runtime is not None else ""
    for folder in dict.fromkeys([*([started] if started else []), *_FOLDERS]):
        program = next((root / folder / name for name in _PROGRAMS if not files.is_missing(root / folder / name)), None)
        if program is not None:
            yield program
    elsewhere = shutil.which(_PROGRAMS[0]) if root == Path("/") else None
    if elsewhere is not None and not any(Path(elsewhere).parent == root / folder for folder in _FOLDERS):
        yield Path(elsewhere)


def _number(text: str) -> str | None:
    match = _VERSION.fullmatch(text)
    return "-".join(filter(None, match.groups())) if match else None


def runtime_mode(root: Path, environment: Mapping[str, str], toolkit: MachineFact) -> MachineFact:
    """Gives the mode of the NVIDIA runtime as it is configured: "auto" is left to who knows how a container is started."""
    runtime = engine_runtimes.nvidia_runtime(root, environment)
    for suffix, mode in ((".cdi", "cdi"), (".legacy", "legacy")):
        if runtime is not None and runtime.program.endswith(suffix):
            return measured(mode, f"{runtime.program}, the nvidia runtime of {runtime.engine}")
    for path in _config_files(root, environment, runtime):
        shown = f"/{path.relative_to(root)}"
        try:
            text = files.text(path)
        except FileNotFoundError:
            continue
        except (OSError, ValueError) as error:
            return unreadable(f"{shown} cannot be read: {files.why(error)}")
        return _mode_in(text, shown, runtime)
    if toolkit.value is None:
        return absent("the NVIDIA container toolkit is not installed, as far as this user sees")
    return measured("auto", f"the toolkit's default, since it has no config.toml; {_start(runtime)}")


def _config_files(root: Path, environment: Mapping[str, str], runtime: NvidiaRuntime | None) -> Iterator[Path]:
    """Gives where the configuration may be, that of the program which the engine starts first."""
    named = environment.get("NVIDIA_CTK_CONFIG_FILE_PATH")
    if named:
        yield root / named.lstrip("/")
    if environment.get("XDG_CONFIG_HOME"):
        yield root / environment["XDG_CONFIG_HOME"].lstrip("/") / _CONFIG
    places = [root / "etc" / _CONFIG, root / _OPERATOR / ".config" / _CONFIG]
    if runtime is not None and _OPERATOR in runtime.program:
        places.reverse()
    yield from places
    yield root / engine_runtimes.SNAP / "etc" / _CONFIG


def _mode_in(text: str, path: str, runtime: NvidiaRuntime | None) -> MachineFact:
    try:
        section = files.toml(text).get("nvidia-container-runtime", {})
        mode = section.get("mode", "auto") if isinstance(section, dict) else None
    except ValueError:
        return unreadable(f"{path} is no TOML")
    if not isinstance(mode, str) or mode not in MODES:
        return unreadable(f"{path} names an unknown mode: {values.printable(str(mode), most=40)}")
    return measured(mode, f"{path}; {_start(runtime)}")


def _start(runtime: NvidiaRuntime | None) -> str:
    if runtime is not None and runtime.is_default:
        return f"nvidia is the default runtime of {runtime.engine}"
    named = "" if runtime is None else f", and {runtime.engine} starts it where a container names it"
    return f"nvidia is no engine's default runtime{named}"
