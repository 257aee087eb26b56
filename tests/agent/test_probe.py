"""The hardware probe: NVML, nvidia-smi where that does not work, and neither taken for the other's absence."""

import json
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

import pytest

from bayplan.agent import probe
from bayplan.agent.hardware import GpuHardware, Gpus, Machine, machine_of
from bayplan.errors import Invalid
from tests.agent.box import Box
from tests.agent.documents import A6000, T4


def run_probe(
    box: Box, variables: Mapping[str, str] | None = None, *options: str
) -> "subprocess.CompletedProcess[str]":
    """The result of the agent's hardware probe, run as a process."""
    return subprocess.run(
        [sys.executable, "-m", "bayplan.agent.probe", *options],
        env={**box.environment(), **(variables or {})},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def probed(box: Box, variables: Mapping[str, str] | None = None, *options: str) -> Machine:
    """What it finds."""
    done = run_probe(box, variables, *options)
    assert done.returncode == 0, done.stderr
    return machine_of(json.loads(done.stdout))


@pytest.fixture(scope="module")
def nvml(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The variables with which the library in the place of NVML is found; it is compiled here."""
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("no C compiler")
    folder = tmp_path_factory.mktemp("nvml")
    source = Path(__file__).with_name("nvml_stand_in.c")
    subprocess.run([compiler, "-shared", "-fPIC", "-o", folder / "libnvidia-ml.so.1", source], check=True)
    return {"LD_LIBRARY_PATH": str(folder)}


BY_NVML = Gpus(
    "550.54.15",
    (
        GpuHardware(0, "NVIDIA RTX A6000", "NvidiaRTX", 51527024640, "8.6"),
        GpuHardware(1, "NVIDIA H100 80GB HBM3", "Nvidia", 85520809984, "9.0", fabric_ready=False),
    ),
)


def test_nvml_is_asked_first(box: Box, nvml: dict[str, str]) -> None:
    assert probed(box, nvml).gpus == BY_NVML


@pytest.mark.parametrize(
    ("variable", "value", "field"),
    [("NVML_MEMORY", "4", "memory_bytes"), ("NVML_NAME", os.fsdecode(b"\xf8\x95\xd8\xf8"), "name")],
    ids=["no permission", "a name of no sense"],
)
def test_what_nvml_does_not_tell_stays_open(
    box: Box, nvml: dict[str, str], variable: str, value: str, field: str
) -> None:
    gpus = [asdict(gpu) for gpu in probed(box, nvml | {variable: value}).gpus.gpus]
    assert gpus == [asdict(gpu) | {field: None} for gpu in BY_NVML.gpus]


def test_a_gpu_that_nvml_lost_is_an_error_and_not_one_that_changed(box: Box, nvml: dict[str, str]) -> None:
    box.fails("Unable to determine the device handle for GPU 0000:0B:00.0: GPU is lost.")
    done = run_probe(box, nvml | {"NVML_MEMORY": "15"})
    assert done.returncode == 1
    assert "GPU is lost" in done.stderr
    assert "Traceback" not in done.stderr


def test_nvidia_smi_tells_where_nvml_fails(box: Box, nvml: dict[str, str]) -> None:
    assert probed(box, nvml | {"NVML_INIT": "18"}).gpus.driver_version == "535.104.05"


def test_both_failing_is_an_error_with_both_messages(box: Box, nvml: dict[str, str]) -> None:
    box.fails("NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver.")
    done = run_probe(box, nvml | {"NVML_INIT": "9"})
    assert done.returncode == 1
    assert "Driver Not Loaded" in done.stderr
    assert "couldn't communicate with the NVIDIA driver" in done.stderr
    assert "--no-gpu" in done.stderr
    assert "Traceback" not in done.stderr


def test_nvidia_smi_alone(box: Box) -> None:
    box.has("580.95.05", A6000, T4)
    assert probed(box).gpus == Gpus(
        "580.95.05",
        (
            GpuHardware(0, "NVIDIA RTX A6000", "NvidiaRTX", 51527024640, "8.6"),
            GpuHardware(1, "Tesla T4", "Nvidia", 16106127360, "7.5"),
        ),
    )


def test_what_is_no_utf_8_in_what_nvidia_smi_prints_is_passed_over(box: Box) -> None:
    box.has("580.95.05", T4)
    log = box.folder / "programs" / "log.xml"
    log.write_bytes(log.read_bytes().replace(b"<processes>", b"<processes><process_name>\xb5Torrent</process_name>"))
    assert [gpu.name for gpu in probed(box).gpus.gpus] == ["Tesla T4"]


def test_a_driver_that_does_not_know_compute_capabilities_leaves_them_open(tmp_path: Path) -> None:
    box = Box(tmp_path)
    box.has("470.256.02", T4, tells_capabilities=False)
    (gpu,) = probed(box).gpus.gpus
    assert (gpu.name, gpu.compute_capability) == ("Tesla T4", None)


def test_a_driver_that_does_not_answer_is_no_machine_without_gpu(box: Box) -> None:
    box.fails("No devices were found")
    assert "No devices were found" in run_probe(box).stderr
    assert probed(box, None, "--no-gpu").gpus == Gpus()


def test_a_machine_without_nvidias_programs_has_no_gpu(tmp_path: Path) -> None:
    if shutil.which("nvidia-smi") or probe._has_nvidia_gpu(probe._PCI):
        pytest.skip("this machine has a GPU")
    assert probed(Box(tmp_path)).gpus == Gpus()


def test_the_machine_itself(box: Box) -> None:
    machine = probed(box)
    assert machine.architecture == {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())
    assert machine.memory_bytes is not None
    assert machine.memory_bytes > 2**28


def test_a_gpu_without_a_driver_is_seen_on_the_bus(tmp_path: Path) -> None:
    for name, vendor, kind in (("0", "0x8086", "0x030000"), ("1", "0x10de", "0x040300"), ("2", "0x10de", "0x030200")):
        assert not probe._has_nvidia_gpu(tmp_path)
        (tmp_path / name).mkdir()
        (tmp_path / name / "vendor").write_text(f"{vendor}\n")
        (tmp_path / name / "class").write_text(f"{kind}\n")
    assert probe._has_nvidia_gpu(tmp_path)


def test_the_address_towards_a_server() -> None:
    assert probe.address_towards("http://127.0.0.1:8000") == "127.0.0.1"
    with pytest.raises(Invalid, match="no way to"):
        probe.address_towards("http://nowhere.invalid:8000")


def test_it_prints_one_line_of_json_in_its_old_form(box: Box) -> None:
    done = run_probe(box)
    (line,) = done.stdout.splitlines()
    printed = json.loads(line)
    gpu = {
        "name": "NVIDIA RTX A6000",
        "brand": "NvidiaRTX",
        "memory_bytes": 51527024640,
        "compute_capability": "8.6",
        "fabric_ready": None,
    }
    gpus = [{"index": index, **gpu} for index in (0, 1)]
    assert list(printed) == ["architecture", "memory_bytes", "gpus"]
    assert printed["gpus"] == {"driver_version": "535.104.05", "gpus": gpus}
    assert [list(gpu_row) for gpu_row in printed["gpus"]["gpus"]] == [["index", *gpu]] * 2
