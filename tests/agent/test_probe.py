"""The hardware probe as a process: by nvidia-smi, and of the machine itself. `test_nvml` has NVML."""

import json
import platform
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from bayplan.agent import probe_process
from bayplan.agent.hardware import GpuFault, GpuHardware, Gpus, Machine, machine_of
from bayplan.errors import Invalid
from tests.agent.box import Box, has_nvml
from tests.agent.documents import A6000, T4

pytestmark = pytest.mark.skipif(has_nvml(), reason="this machine has NVML, which is asked first")


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


def test_nvidia_smi_alone(box: Box) -> None:
    box.has("580.95.05", A6000, T4)
    assert probed(box).gpus == Gpus(
        "580.95.05",
        (
            GpuHardware(0, "NVIDIA RTX A6000", "NvidiaRTX", 51527024640, "8.6"),
            GpuHardware(1, "Tesla T4", "Nvidia", 16106127360, "7.5"),
        ),
        cuda_version="13.0",
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
    assert probed(Box(tmp_path, {"PATH": ""}), None, "--root", str(tmp_path)).gpus == Gpus()


def test_a_jetson_without_a_driver_that_can_be_asked_is_found_by_its_device_tree(tmp_path: Path) -> None:
    (tmp_path / "proc/device-tree").mkdir(parents=True)
    (tmp_path / "proc/device-tree/compatible").write_bytes(b"nvidia,p2972-0000\0nvidia,tegra194\0")
    machine = probed(Box(tmp_path, {"PATH": ""}), None, "--root", str(tmp_path))
    (gpu,) = machine.gpus.gpus
    assert (gpu.name, gpu.compute_capability, gpu.memory_bytes) == ("Xavier", "7.2", machine.memory_bytes)


def test_a_sign_of_a_gpu_without_a_driver_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "dev").mkdir()
    (tmp_path / "dev/nvidia0").touch()
    done = run_probe(Box(tmp_path, {"PATH": ""}), None, "--root", str(tmp_path))
    assert (done.returncode, done.stdout) == (1, "")
    assert "There is an NVIDIA GPU (by the devices /dev/nvidia*), and no driver that answers" in done.stderr
    assert "--no-gpu" in done.stderr


def test_the_machine_itself(box: Box) -> None:
    machine = probed(box)
    assert machine.architecture == {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())
    assert machine.memory_bytes is not None
    assert machine.memory_bytes > 2**28


@pytest.mark.parametrize("code", [0, 6, 14, 255])
def test_a_whole_document_counts_whatever_the_exit_code(box: Box, code: int) -> None:
    box.prints(after="WARNING: infoROM is corrupted at gpu 0000:01:00.0\n", code=code)
    assert [gpu.compute_capability for gpu in probed(box).gpus.gpus] == ["8.6", "8.6"]


def test_no_gpu_at_all_counts_only_where_nvidia_smi_ends_well(box: Box, tmp_path: Path) -> None:
    box.has("550.54.15")
    assert probed(box, None, "--root", str(tmp_path)).gpus == Gpus()
    box.prints(code=6)
    assert "nvidia-smi failed" in run_probe(box, None, "--root", str(tmp_path)).stderr


def test_a_lost_gpu_is_an_error_unless_the_others_are_asked_for_alone(box: Box) -> None:
    box.prints(replaced=("<product_name>NVIDIA RTX A6000<", "<product_name>[GPU is lost]<"))
    done = run_probe(box)
    assert (done.returncode, done.stdout) == (1, "")
    assert "GPU 0 does not answer ([GPU is lost])" in done.stderr
    gpus = probed(box, None, "--partial").gpus
    assert [gpu.index for gpu in gpus.gpus] == [1]
    assert gpus.faults == (GpuFault(0, "[GPU is lost]"),)


def test_the_address_towards_a_server() -> None:
    assert probe_process.address_towards("http://127.0.0.1:8000") == "127.0.0.1"
    with pytest.raises(Invalid, match="This machine cannot reach"):
        probe_process.address_towards("http://nowhere.invalid:8000")


def test_modules_in_the_folder_that_the_agent_runs_in_do_not_count(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "json.py").write_text("raise SystemExit('another json')\n")
    monkeypatch.chdir(tmp_path)
    assert probe_process.machine_in_new_process(without_gpu=True).gpus == Gpus()


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
    assert list(printed) == ["architecture", "memory_bytes", "gpus", "facts"]
    assert printed["gpus"] == {"driver_version": "535.104.05", "gpus": gpus, "cuda_version": "12.2"}
    assert [list(gpu_row) for gpu_row in printed["gpus"]["gpus"]] == [["index", *gpu]] * 2
