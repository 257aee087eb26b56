"""Kernel, WSL and Jetson Linux, in folders in the place of `/`; the texts are of public recordings."""

from pathlib import Path

import pytest

from bayplan.agent import system
from bayplan.agent.machine_fact import measured
from tests.agent.roots import root_with

UBUNTU = (
    "Linux version 6.8.0-45-generic (buildd@lcy02-amd64-075) (gcc (Ubuntu 13.2.0-23ubuntu4) 13.2.0) #45-Ubuntu SMP\n"
)
WSL2 = "Linux version 5.15.153.1-microsoft-standard-WSL2 (root@941d701f84f1) (gcc (GCC) 11.2.0) #1 SMP Fri Mar 29 23:14:13 UTC 2024\n"
WSL1 = "Linux version 4.4.0-19041-Microsoft (Microsoft@Microsoft.com) (gcc version 5.4.0 (GCC) ) #1237-Microsoft\n"


@pytest.mark.parametrize(
    "release",
    [
        "6.8.0-45-generic",
        "5.15.153.1-microsoft-standard-WSL2",
        "5.15.148-tegra",
        "4.18.0-553.el8_10.x86_64",
        "6.11.0-1016-nvidia",
    ],
)
def test_the_release_of_the_kernel(tmp_path: Path, release: str) -> None:
    root_with(tmp_path, {"proc/sys/kernel/osrelease": f"{release}\n"})
    assert system.kernel_version(tmp_path) == measured(release, "/proc/sys/kernel/osrelease")


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"none\n", b"6.8.0\x1b[31m", b"6.1" + b"a" * 300])
def test_a_kernel_of_no_sense_is_null(tmp_path: Path, content: bytes) -> None:
    root_with(tmp_path, {"proc/sys/kernel/osrelease": content})
    assert system.kernel_version(tmp_path).value is None


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("gpu07", "gpu07"),
        ("GPU-07.Example.org", "gpu-07.example.org"),
        ("node_7", "node_7"),
        ("4c01db0b339c", "4c01db0b339c"),
    ],
)
def test_the_name_of_the_machine(tmp_path: Path, name: str, expected: str) -> None:
    root_with(tmp_path, {"proc/sys/kernel/hostname": f"{name}\n"})
    assert system.hostname(tmp_path) == measured(expected, "/proc/sys/kernel/hostname")


@pytest.mark.parametrize("name", ["", "localhost", "localhost.localdomain", "(none)", "a b", "x" * 64, "gpu\x1b[31m"])
def test_a_name_that_is_none_is_null(tmp_path: Path, name: str) -> None:
    root_with(tmp_path, {"proc/sys/kernel/hostname": f"{name}\n"})
    fact = system.hostname(tmp_path)
    assert (fact.value, fact.is_absent) == (None, False)
    assert (fact.reason or "").isprintable()


def test_a_name_that_an_engine_gave_to_a_container_is_none(tmp_path: Path) -> None:
    root_with(tmp_path, {"proc/sys/kernel/hostname": "4c01db0b339c\n", ".dockerenv": ""})
    assert "--hostname" in (system.hostname(tmp_path).reason or "")
    root_with(tmp_path, {"proc/sys/kernel/hostname": "gpu07\n"})
    assert system.hostname(tmp_path).value == "gpu07"


@pytest.mark.parametrize(("version", "is_wsl"), [(UBUNTU, False), (WSL2, True), (WSL1, True)])
def test_wsl_by_the_kernels_name(tmp_path: Path, version: str, is_wsl: bool) -> None:
    assert system.wsl(root_with(tmp_path, {"proc/version": version})) == measured(is_wsl, "/proc/version")


def test_wsl_with_a_kernel_of_its_user(tmp_path: Path) -> None:
    root_with(tmp_path, {"proc/version": UBUNTU, "dev/dxg": ""})
    assert system.wsl(tmp_path).value is False
    root_with(tmp_path, {"usr/lib/wsl/lib/libcuda.so.1": ""})
    assert system.wsl(tmp_path).value is True
    assert system.wsl(tmp_path / "nowhere").value is None


def test_the_release_of_jetson_linux(tmp_path: Path) -> None:
    assert system.l4t_version(tmp_path).is_absent
    root_with(
        tmp_path, {"proc/device-tree/compatible": b"nvidia,p3768-0000+p3767-0000\0nvidia,p3767-0000\0nvidia,tegra234\0"}
    )
    assert not system.l4t_version(tmp_path).is_absent
    core = "Package: nvidia-l4t-core\nStatus: hold ok installed\nVersion: 36.4.3-20250107174145\n"
    root_with(tmp_path, {"var/lib/dpkg/status": core})
    assert system.l4t_version(tmp_path) == measured("36.4.3", "the package nvidia-l4t-core")
    release = "# R36 (release), REVISION: 4.7, GCID: 42132812, BOARD: generic, EABI: aarch64\n# KERNEL_VARIANT: oot\n"
    root_with(tmp_path, {"etc/nv_tegra_release": release})
    assert system.l4t_version(tmp_path) == measured("36.4.7", "/etc/nv_tegra_release")
    thor = "# R38 (release), REVISION: 2.0, BOARD: generic, EABI: aarch64\n"  # its form; the release is that of JetPack 7.0
    root_with(tmp_path, {"etc/nv_tegra_release": thor})
    assert system.l4t_version(tmp_path) == measured("38.2.0", "/etc/nv_tegra_release")
