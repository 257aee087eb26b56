"""The version of the NVIDIA container toolkit and the mode of its runtime, in folders in the place of `/`.

What programs print is from public recordings: `nvidia-ctk` 1.17.8 and 1.16.1, `nvidia-container-runtime` 1.17.8 and
`nvidia-container-cli` 1.3.1 (NVIDIA/nvidia-container-toolkit issue 169). The configurations are in the form that the package installs.
"""

import time
from pathlib import Path

import pytest

from bayplan.agent import toolkit
from bayplan.agent.engine_runtimes import NvidiaRuntime
from bayplan.agent.machine_fact import absent, measured
from tests.agent.roots import program, root_with

CONFIG = "etc/nvidia-container-runtime/config.toml"
WHOLE = """disable-require = false
supported-driver-capabilities = "compat32,compute,display,graphics,ngx,utility,video"

[nvidia-container-cli]
environment = []
ldconfig = "@/sbin/ldconfig.real"

[nvidia-container-runtime]
#debug = "/var/log/nvidia-container-runtime.log"
log-level = "info"
mode = "legacy"
runtimes = ["docker-runc", "runc", "crun"]

[nvidia-container-runtime.modes]

[nvidia-container-runtime.modes.cdi]
annotation-prefixes = ["cdi.k8s.io/"]
default-kind = "nvidia.com/gpu"
spec-dirs = ["/etc/cdi", "/var/run/cdi"]
"""
RUNTIME = '{"runtimes": {"nvidia": {"args": [], "path": "PATH"}}}'
INSTALLED = measured("1.17.8", "nvidia-ctk --version")


@pytest.mark.parametrize(
    ("name", "printed", "version"),
    [
        ("nvidia-ctk", "NVIDIA Container Toolkit CLI version 1.17.8\ncommit: f202b80a9b9d0db00d9b1d73c0128c8962c55f4d\n", "1.17.8"),
        ("nvidia-ctk", "NVIDIA Container Toolkit CLI version 1.16.1\ncommit: a470818ba7d9166be282cd0039dd2fc9b0a34d73\n", "1.16.1"),
        ("nvidia-ctk", "NVIDIA Container Toolkit CLI version 1.20.0-rc.1\n", "1.20.0-rc.1"),
        (
            "nvidia-container-runtime",
            "NVIDIA Container Runtime version 1.17.8\ncommit: f202b80a9\nspec: 1.2.1\n\nrunc version 1.2.5\n",
            "1.17.8",
        ),
        ("nvidia-container-cli", "version: 1.3.1\nbuild date: 2020-12-14T14:18+0000\n", "1.3.1"),
        ("nvidia-container-cli", "cli-version: 1.17.8\nlib-version: 1.17.8\n", "1.17.8"),
    ],
)  # fmt: skip
def test_the_version_that_a_program_prints(tmp_path: Path, name: str, printed: str, version: str) -> None:
    program(tmp_path, f"usr/bin/{name}", printed)
    assert toolkit.version(tmp_path) == measured(version, f"{name} --version")


def test_the_toolkit_that_the_engine_starts_counts(tmp_path: Path) -> None:
    program(tmp_path, "usr/bin/nvidia-ctk", "NVIDIA Container Toolkit CLI version 1.14.6\n")
    program(tmp_path, "usr/local/nvidia/toolkit/nvidia-ctk", "NVIDIA Container Toolkit CLI version 1.17.8\n")
    assert toolkit.version(tmp_path).value == "1.14.6"
    runtime = NvidiaRuntime("containerd", "/usr/local/nvidia/toolkit/nvidia-container-runtime", is_default=True)
    assert toolkit.version(tmp_path, runtime).value == "1.17.8"


def test_the_version_where_no_program_says_it(tmp_path: Path) -> None:
    assert toolkit.version(tmp_path).is_absent
    root_with(tmp_path, {"usr/lib64/libnvidia-container.so.1.14.6": b"", "usr/lib64/libnvidia-container.so.1": b""})
    assert toolkit.version(tmp_path) == measured("1.14.6", "/usr/lib64/libnvidia-container.so.1.14.6")
    entry = "Package: nvidia-container-toolkit\nStatus: install ok installed\nArchitecture: amd64\nVersion: 1.17.8-1\n"
    root_with(tmp_path, {"var/lib/dpkg/status": f"Package: a\nStatus: install ok installed\nVersion: 1\n\n{entry}\n"})
    assert toolkit.version(tmp_path) == measured("1.17.8", "the package nvidia-container-toolkit")
    root_with(tmp_path, {"var/lib/dpkg/status": entry.replace("ok installed", "ok config-files")})
    assert toolkit.version(tmp_path).source == "/usr/lib64/libnvidia-container.so.1.14.6"


@pytest.mark.parametrize(
    ("script", "why"),
    [
        ("#!/bin/sh\nsleep 60\n", "not done within"),
        ("#!/bin/sh\nyes\n", "prints more than"),
        ("#!/bin/sh\nexit 3\n", "exit code 3"),
        ("#!/bin/sh\nprintf 'version \\377\\033[31m'\n", "prints no version"),
        ("#!/nowhere\n", "No such file"),
        ("\x7fELF", "Exec format error"),
    ],
)
def test_a_program_that_fails_is_a_reason(tmp_path: Path, script: str, why: str) -> None:
    root_with(tmp_path, {"usr/bin/nvidia-ctk": script})
    (tmp_path / "usr/bin/nvidia-ctk").chmod(0o755)
    begin = time.monotonic()
    fact = toolkit.version(tmp_path, timeout_seconds=0.3)
    assert time.monotonic() - begin < 5
    assert fact.value is None
    assert why in (fact.reason or "")
    assert (fact.reason or "").isprintable()


def test_the_mode_of_the_configuration(tmp_path: Path) -> None:
    for mode in ("legacy", "csv", "cdi", "jit-cdi", "auto"):
        root_with(tmp_path, {CONFIG: WHOLE.replace('"legacy"', f'"{mode}"')})
        fact = toolkit.runtime_mode(tmp_path, {}, INSTALLED)
        assert (fact.value, fact.reason) == (mode, None)
        assert (fact.source or "").startswith(f"/{CONFIG}; nvidia is no engine's default runtime")
    root_with(tmp_path, {CONFIG: WHOLE.replace('mode = "legacy"\n', "")})
    assert toolkit.runtime_mode(tmp_path, {}, INSTALLED).value == "auto"


def test_a_mode_that_cannot_be_read_is_null_with_the_reason(tmp_path: Path) -> None:
    for content, why in (
        (WHOLE.replace('"legacy"', '"nvml"'), "unknown mode: nvml"),
        (WHOLE.replace('"legacy"', "7"), "unknown mode: 7"),
        ("nvidia-container-runtime = 3\n", "an unknown mode"),
        ("[nvidia-container-runtime\n", "is no TOML"),
        (b"\xff\xfe\x00", "is no TOML"),
        (b"#" * 2**21, "is larger than"),
    ):
        fact = toolkit.runtime_mode(root_with(tmp_path, {CONFIG: content}), {}, INSTALLED)
        assert (fact.value, fact.is_absent) == (None, False)
        assert why in (fact.reason or "")


def test_without_a_configuration_the_toolkit_is_auto(tmp_path: Path) -> None:
    assert toolkit.runtime_mode(tmp_path, {}, INSTALLED).value == "auto"
    assert toolkit.runtime_mode(tmp_path, {}, absent("none")).is_absent


@pytest.mark.parametrize(("suffix", "mode"), [("", "cdi"), (".cdi", "cdi"), (".legacy", "legacy")])
def test_the_program_that_the_engine_starts_may_have_its_mode(tmp_path: Path, suffix: str, mode: str) -> None:
    runtime = RUNTIME.replace("PATH", f"/usr/bin/nvidia-container-runtime{suffix}")
    root_with(tmp_path, {"etc/docker/daemon.json": runtime, CONFIG: WHOLE.replace('"legacy"', '"cdi"')})
    assert toolkit.runtime_mode(tmp_path, {}, INSTALLED).value == mode


def test_the_configuration_of_the_gpu_operator_counts_for_its_program(tmp_path: Path) -> None:
    operator = "/usr/local/nvidia/toolkit/nvidia-container-runtime"
    files = {
        CONFIG: WHOLE,
        f"{operator.rpartition('/')[0][1:]}/.config/nvidia-container-runtime/config.toml": WHOLE.replace(
            '"legacy"', '"cdi"'
        ),
    }
    assert toolkit.runtime_mode(root_with(tmp_path, files), {}, INSTALLED).value == "legacy"
    containerd = (
        'version = 2\n[plugins."io.containerd.grpc.v1.cri".containerd]\ndefault_runtime_name = "nvidia"\n'
        '[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.nvidia.options]\n'
        f'BinaryName = "{operator}"\n'
    )
    root_with(tmp_path, {"etc/containerd/config.toml": containerd})
    fact = toolkit.runtime_mode(tmp_path, {}, INSTALLED)
    assert fact.value == "cdi"
    assert (fact.source or "").endswith("nvidia is the default runtime of containerd")


def test_the_variables_that_name_another_configuration(tmp_path: Path) -> None:
    other = {"home/x/nvidia-container-runtime/config.toml": WHOLE.replace('"legacy"', '"csv"'), "x.toml": WHOLE}
    root_with(tmp_path, other | {CONFIG: WHOLE.replace('"legacy"', '"cdi"')})
    assert toolkit.runtime_mode(tmp_path, {"XDG_CONFIG_HOME": "/home/x"}, INSTALLED).value == "csv"
    assert toolkit.runtime_mode(tmp_path, {"XDG_CONFIG_HOME": "/home/y"}, INSTALLED).value == "cdi"
    named = {"NVIDIA_CTK_CONFIG_FILE_PATH": "/x.toml", "XDG_CONFIG_HOME": "/home/x"}
    assert toolkit.runtime_mode(tmp_path, named, INSTALLED).value == "legacy"
