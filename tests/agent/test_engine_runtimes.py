"""What engines' configurations say of the NVIDIA runtime and of shared memory, in folders in the place of `/`.

Their forms are those of the engines' documentation: dockerd, containerd's CRI plugin (versions 2 and 3), containers.conf.
"""

import json
from pathlib import Path

import pytest

from bayplan.agent import engine_runtimes
from bayplan.agent.engine_runtimes import NvidiaRuntime
from tests.agent.roots import root_with

DAEMON = "etc/docker/daemon.json"
PROGRAM = "/usr/bin/nvidia-container-runtime"
MIB = 1024**2


def test_dockers_runtime_and_whether_it_is_the_default(tmp_path: Path) -> None:
    content = {"runtimes": {"nvidia": {"args": [], "path": PROGRAM}, "crun": {"path": "/usr/bin/crun"}}}
    root_with(tmp_path, {DAEMON: json.dumps(content)})
    assert engine_runtimes.nvidia_runtime(tmp_path, {}) == NvidiaRuntime("Docker", PROGRAM, is_default=False)
    root_with(tmp_path, {DAEMON: json.dumps(content | {"default-runtime": "nvidia"})})
    assert engine_runtimes.nvidia_runtime(tmp_path, {}) == NvidiaRuntime("Docker", PROGRAM, is_default=True)


def test_the_snap_of_docker(tmp_path: Path) -> None:
    content = {"runtimes": {"nvidia": {"path": "/snap/docker/current/usr/bin/nvidia-container-runtime"}}}
    root_with(tmp_path, {"var/snap/docker/current/config/daemon.json": json.dumps(content)})
    runtime = engine_runtimes.nvidia_runtime(tmp_path, {})
    assert runtime is not None
    assert runtime.program.startswith("/snap/")


@pytest.mark.parametrize("plugin", ["io.containerd.grpc.v1.cri", "io.containerd.cri.v1.runtime"])
@pytest.mark.parametrize(
    "path", ["etc/containerd/config.toml", "etc/containerd/conf.d/99-nvidia.toml", "var/lib/rancher/k3s/agent/etc/containerd/config.toml"]
)  # fmt: skip
def test_containerds_runtime(tmp_path: Path, plugin: str, path: str) -> None:
    text = (
        f"[plugins.'{plugin}'.containerd.runtimes.nvidia]\nruntime_type = 'io.containerd.runc.v2'\n"
        f"[plugins.'{plugin}'.containerd.runtimes.nvidia.options]\nBinaryName = '{PROGRAM}'\n"
    )
    root_with(tmp_path, {path: text})
    assert engine_runtimes.nvidia_runtime(tmp_path, {}) == NvidiaRuntime("containerd", PROGRAM, is_default=False)


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[]",
        "null",
        "{",
        '{"runtimes": 3}',
        '{"runtimes": {"nvidia": "x"}}',
        '{"runtimes": {"a": {"path": 3}}}',
        "[" * 10_000,
    ],
)
def test_an_odd_configuration_has_no_runtime(tmp_path: Path, content: str) -> None:
    root_with(tmp_path, {DAEMON: content, "etc/containerd/config.toml": content})
    assert engine_runtimes.nvidia_runtime(tmp_path, {}) is None


@pytest.mark.parametrize(
    ("size", "size_bytes"),
    [
        ("64m", 64 * MIB), ("8G", 8192 * MIB), ("1GiB", 1024 * MIB), ("512MB", 512 * MIB), (67108864, 64 * MIB), ("67108864", 64 * MIB),
        ("much", None), (True, None), ("-1", None), (0, None), ({}, None), ("9" * 400, None),
    ],
)  # fmt: skip
def test_dockers_default_of_shared_memory(tmp_path: Path, size: object, size_bytes: int | None) -> None:
    root_with(tmp_path, {DAEMON: json.dumps({"default-shm-size": size}), "usr/bin/dockerd": ""})
    fact = engine_runtimes.shared_memory(tmp_path, {})
    assert fact.value == size_bytes
    assert (fact.source, fact.reason) == (
        ("/etc/docker/daemon.json", None)
        if size_bytes
        else (None, "default-shm-size in /etc/docker/daemon.json is no size")
    )


def test_the_shared_memory_of_engines_that_nobody_configured_is_null(tmp_path: Path) -> None:
    assert engine_runtimes.shared_memory(tmp_path, {}).reason == "the machine has neither Docker nor Podman"
    root_with(tmp_path, {"usr/bin/podman": ""})
    assert "gets the 64 MiB" in (engine_runtimes.shared_memory(tmp_path, {}).reason or "")
    root_with(tmp_path, {"etc/containers/containers.conf": '[containers]\nshm_size = "1g"\n'})
    assert engine_runtimes.shared_memory(tmp_path, {}).value == 1024 * MIB
    root_with(tmp_path, {"usr/bin/dockerd": ""})
    assert "/etc/docker/daemon.json has no default-shm-size" in (
        engine_runtimes.shared_memory(tmp_path, {}).reason or ""
    )


def test_in_a_container_it_is_its_own_unless_there_is_an_engine(tmp_path: Path) -> None:
    root_with(tmp_path, {".dockerenv": "", "dev/shm/x": "", "usr/bin/dockerd": ""})
    fact = engine_runtimes.shared_memory(tmp_path, {})
    assert isinstance(fact.value, int)
    assert (fact.source or "").endswith("of this container")
    root_with(tmp_path, {"var/run/docker.sock": ""})
    assert engine_runtimes.shared_memory(tmp_path, {}).value is None
