"""The GPUs by NVML: what a failing, a lost and an odd one are, and other packages' bindings."""

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from bayplan.agent.probe_process import CannotProbe, machine_in_new_process
from tests.agent.box import Box, has_nvml, until
from tests.agent.documents import A6000, H100
from tests.process import environment

NO_PARTS = {
    "vgpu_licensed": None,
    "slices": None,
    "accelerator": "cuda",
    "target": None,
    "driver_version": None,
    "device": None,
}
FIRST = {
    "index": 0,
    "name": "NVIDIA RTX A6000",
    "brand": "NvidiaRTX",
    "memory_bytes": 51527024640,
    "compute_capability": "8.6",
    "fabric_ready": None,
    **NO_PARTS,
}
SECOND = {
    "index": 1,
    "name": "NVIDIA H100 80GB HBM3",
    "brand": "Nvidia",
    "memory_bytes": 85520809984,
    "compute_capability": "9.0",
    "fabric_ready": False,
    **NO_PARTS,
}
BOTH = {"driver_version": "550.54.15", "gpus": [FIRST, SECOND], "faults": [], "cuda_version": "12.4"}
Answer = dict[str, Any]


def asked(
    nvml: Mapping[str, str], cases: Sequence[Mapping[str, str]], root: Path, modules: Sequence[Path | None] = ()
) -> list[Answer]:
    """What the probe says of each machine."""
    machines = [
        {"variables": {**nvml, **case}, "module": str(module) if module else None, "root": str(root)}
        for case, module in zip(cases, [*modules] or [None] * len(cases), strict=True)
    ]
    done = subprocess.run(
        [sys.executable, "-m", "tests.agent.probing"],
        env=environment({}) | dict(nvml),
        input=json.dumps(machines),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    answers: list[Answer] = json.loads(done.stdout)
    return answers


def test_nvml_is_asked_first(box: Box, nvml: dict[str, str], tmp_path: Path) -> None:
    (answer,) = asked(nvml, [{"PATH": box.environment()["PATH"]}], tmp_path)
    assert answer["gpus"] == BOTH


def test_an_nvml_that_fails_is_an_error_where_nothing_else_tells(nvml: dict[str, str], tmp_path: Path) -> None:
    failures = [f"{call}:0:{code}" for call in ("init", "driver", "count") for code in (3, 4, 9, 12, 13, 15, 18, 999)]
    failures += [
        f"{call}:0:{code} {call}:1:{code}" for call in ("handle", "name") for code in (3, 4, 13, 15, 16, 28, 999)
    ]
    failures += [f"{call}:0:15 {call}:1:15" for call in ("brand", "memory", "capability")]
    answers = asked(nvml, [{"NVML_FAILURES": failure} for failure in failures], tmp_path)
    assert [failure for failure, answer in zip(failures, answers, strict=True) if answer["gpus"] is not None] == []
    assert all("--no-gpu" in answer["error"] for answer in answers)


def test_one_gpu_that_does_not_answer_leaves_the_other(nvml: dict[str, str], tmp_path: Path) -> None:
    failures = ["handle:1:15", "handle:1:4", "name:1:3", "name:1:999", "brand:1:16", "memory:1:15", "capability:1:999"]
    for answer in asked(nvml, [{"NVML_FAILURES": failure} for failure in failures], tmp_path):
        assert answer["gpus"]["gpus"] == [FIRST]
        assert [fault["index"] for fault in answer["gpus"]["faults"]] == [1]


def test_a_property_that_a_gpu_does_not_have_stays_open(nvml: dict[str, str], tmp_path: Path) -> None:
    failures = {
        f"{call}:1:{code}": field
        for call, field in (
            ("brand", "brand"),
            ("memory", "memory_bytes"),
            ("capability", "compute_capability"),
            ("fabric", "fabric_ready"),
        )
        for code in (13, 21, 26)
    } | {f"fabric:1:{code}": "fabric_ready" for code in (3, 4)}
    answers = asked(nvml, [{"NVML_FAILURES": failure} for failure in failures], tmp_path)
    for answer, field in zip(answers, failures.values(), strict=True):
        assert answer["gpus"] == BOTH | {"gpus": [FIRST, SECOND | {field: None}]}


def test_a_property_that_a_gpu_refuses_is_a_fault_beside_the_gpu(nvml: dict[str, str], tmp_path: Path) -> None:
    refusals = {
        f"{call}:1:{code}": field
        for call, field in (("brand", "brand"), ("memory", "memory_bytes"), ("capability", "compute_capability"))
        for code in (3, 4)
    }
    answers = asked(nvml, [{"NVML_FAILURES": refusal} for refusal in refusals], tmp_path)
    for answer, field in zip(answers, refusals.values(), strict=True):
        assert answer["gpus"]["gpus"] == [FIRST, SECOND | {field: None}]
        assert [fault["index"] for fault in answer["gpus"]["faults"]] == [1]


def test_nvidia_smi_has_what_nvml_refuses(box: Box, nvml: dict[str, str], tmp_path: Path) -> None:
    box.has("550.54.15", A6000, H100)
    (box.folder / "programs/capabilities").write_text("")  # of a driver before 510
    failures = ("memory:1:4", "brand:1:3")
    answers = asked(nvml, [{"NVML_FAILURES": f, "PATH": box.environment()["PATH"]} for f in failures], tmp_path)
    for answer in answers:
        assert answer["gpus"]["faults"] == []
        assert [gpu["compute_capability"] for gpu in answer["gpus"]["gpus"]] == ["8.6", "9.0"]
    assert answers[0]["gpus"]["gpus"][1]["memory_bytes"] == 81559 * 2**20


def test_a_gpu_that_nvidia_smi_leaves_out_is_still_there(box: Box, nvml: dict[str, str], tmp_path: Path) -> None:
    box.has("550.54.15", A6000)
    failures = ("handle:0:15", "name:1:999", "memory:1:15", "capability:0:4")
    answers = asked(nvml, [{"NVML_FAILURES": f, "PATH": box.environment()["PATH"]} for f in failures], tmp_path)
    assert [[fault["index"] for fault in answer["gpus"]["faults"]] for answer in answers] == [[0], [1], [1], [0]]
    both = {"NVML_FAILURES": "handle:0:15 handle:1:15", "PATH": box.environment()["PATH"]}
    assert "fewer GPUs" in asked(nvml, [both], tmp_path)[0]["error"]


@pytest.fixture(scope="module")
def odd_values() -> list[tuple[str, str, str]]:
    """Values of no sense: the variable of the stand-in, the value, the field of a GPU."""
    names = ["", " ", "A\x1b[31mB", "A\nB", "A\tB", "\udcf8\udc95", "A\u200bB", "A\u00a0B", "A\u3164B"]
    return [
        *(("NVML_NAME", name, "name") for name in names),
        *(
            ("NVML_TOTAL", total, "memory_bytes")
            for total in ("0", "1", "4096", str(2**50), str(2**63), str(2**64 - 1))
        ),
        *(("NVML_MAJOR", major, "compute_capability") for major in ("0", "-1", "99", "9999", str(2**31 - 1))),
        *(("NVML_MINOR", minor, "compute_capability") for minor in ("-1", "10", "9999")),
        *(("NVML_BRAND", brand, "brand") for brand in ("-1", "0", "99", "9999")),
    ]


def test_a_value_of_no_sense_stays_open(
    nvml: dict[str, str], tmp_path: Path, odd_values: list[tuple[str, str, str]]
) -> None:
    answers = asked(nvml, [{variable: text} for variable, text, _ in odd_values], tmp_path)
    for (variable, text, field), answer in zip(odd_values, answers, strict=True):
        expected = BOTH | {"gpus": [FIRST | {field: None}, SECOND | {field: None}]}
        assert answer["gpus"] == expected, (variable, text, answer)


def test_a_driver_version_of_no_sense_is_the_kernels(nvml: dict[str, str], tmp_path: Path) -> None:
    cases = [{"NVML_DRIVER": text} for text in ("", "N/A", "0.0", "550.54.15.x", "99999.1", "\udcff")]
    assert [answer["gpus"] for answer in asked(nvml, cases, tmp_path)] == [BOTH | {"driver_version": None}] * 6
    (tmp_path / "proc/driver/nvidia").mkdir(parents=True)
    line = "NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  550.54.15  Release Build  (dvs-builder@U16)\n"
    (tmp_path / "proc/driver/nvidia/version").write_text(line)
    assert [answer["gpus"] for answer in asked(nvml, cases, tmp_path)] == [BOTH] * 6


def test_an_error_in_a_names_place_is_no_name(nvml: dict[str, str], tmp_path: Path) -> None:
    (answer,) = asked(nvml, [{"NVML_NAME": "[Unknown Error]"}], tmp_path)
    assert "GPU 0 does not answer ([Unknown Error])" in answer["error"]


def test_no_gpu_of_nvml_counts_only_without_a_sign_of_one(nvml: dict[str, str], tmp_path: Path) -> None:
    (answer,) = asked(nvml, [{"NVML_COUNT": "0"}], tmp_path)
    assert answer["gpus"]["gpus"] == []
    (tmp_path / "dev").mkdir()
    (tmp_path / "dev/nvidia0").touch()
    (answer,) = asked(nvml, [{"NVML_COUNT": "0"}], tmp_path)
    assert "/dev/nvidia" in answer["error"]
    (answer,) = asked(nvml, [{"NVML_COUNT": "-1"}], tmp_path)
    assert "cannot be" in answer["error"]


def test_a_gpu_without_memory_of_its_own_is_left_to_the_system(nvml: dict[str, str], tmp_path: Path) -> None:
    (answer,) = asked(nvml, [{"NVML_NAME": "NVIDIA GB10", "NVML_FAILURES": "memory:0:3 memory:1:3"}], tmp_path)
    assert [gpu["memory_bytes"] for gpu in answer["gpus"]["gpus"]] == [None, None]


def test_nvidia_smi_tells_where_nvml_fails(box: Box, nvml: dict[str, str], tmp_path: Path) -> None:
    path = box.environment()["PATH"]
    cases = [{"PATH": path, "NVML_FAILURES": failure} for failure in ("init:0:18", "handle:1:15", "name:0:999")]
    assert {answer["gpus"]["driver_version"] for answer in asked(nvml, cases, tmp_path)} == {"535.104.05"}


def test_both_failing_is_an_error_with_both_messages(box: Box, nvml: dict[str, str], tmp_path: Path) -> None:
    box.fails("NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver.")
    path = box.environment()["PATH"]
    cases = [{"PATH": path, "NVML_FAILURES": failure} for failure in ("init:0:9", "handle:0:15")]
    neither, other = asked(nvml, cases, tmp_path)
    for text in ("Driver Not Loaded", "couldn't communicate with the NVIDIA driver", "--no-gpu"):
        assert text in neither["error"]
    assert other["gpus"]["gpus"] == [SECOND]


def test_a_driver_that_hangs_is_an_error(nvml: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    for name, text in nvml.items():
        monkeypatch.setenv(name, text)
    monkeypatch.setenv("NVML_SECONDS", "60")
    with pytest.raises(CannotProbe, match="did not answer within 1 seconds"):
        machine_in_new_process(without_gpu=False, limit_seconds=1)
    monkeypatch.setenv("NVML_SECONDS", "0")
    until(_has_two_gpus, lambda: "it is asked again when the last probe has ended")


def _has_two_gpus() -> bool:
    try:
        return len(machine_in_new_process(without_gpu=False).gpus.gpus) == 2
    except CannotProbe:  # the killed process has not ended yet
        return False


def test_a_library_that_cannot_be_loaded_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "libnvidia-ml.so.1").touch()
    (answer,) = asked({"LD_LIBRARY_PATH": str(tmp_path), "PATH": ""}, [{}], tmp_path)
    assert "NVML cannot be loaded" in answer["error"]


ERROR = "class NVMLError(Exception):\n    value = 0\n"
CALLS = (
    "def nvmlInit(): pass\ndef nvmlShutdown(): pass\ndef nvmlDeviceGetCount(): return 1\n"
    "def nvmlSystemGetDriverVersion(): return b'550.54.15'\ndef nvmlDeviceGetHandleByIndex(i): return i\n"
    "def nvmlDeviceGetName(h): return b'NVIDIA GeForce RTX 3090'\n"
)
PROPERTIES = (
    "def nvmlDeviceGetBrand(h): return 5\ndef nvmlDeviceGetCudaComputeCapability(h): return (8, 6)\n"
    "class M: total = 25769803776\ndef nvmlDeviceGetMemoryInfo(h): return M\n"
)
FOREIGN = {
    "empty": "",
    "no constants": ERROR,
    "broken import": "import a_module_that_is_not_there\n",
    "syntax": "def (:\n",
    "exits": "import sys\nsys.exit(3)\n",
    "raises": "raise OSError('no library')\n",
    "another package": ERROR + "def nvmlInit(flags, other): pass\n",
    "raises what it likes": ERROR + "def nvmlInit(): raise SystemExit\n",
    "no names": ERROR + CALLS.replace("nvmlDeviceGetName", "nvmlDeviceGetTitle"),
    "no count": ERROR + CALLS.replace("return 1", "return None"),
}
WORKING = {"of 2017": ERROR + CALLS + PROPERTIES, "required alone": ERROR + CALLS}


def modules(folder: Path, texts: Mapping[str, str]) -> list[Path | None]:
    """Folders with a module `pynvml` each."""
    for name, text in texts.items():
        (folder / name).mkdir()
        (folder / name / "pynvml.py").write_text(text)
    return [folder / name for name in texts]


def test_bindings_of_another_package_leave_the_question_to_nvidia_smi(
    box: Box, nvml: dict[str, str], tmp_path: Path
) -> None:
    cases = [{"PATH": box.environment()["PATH"]}] * len(FOREIGN)
    for answer in asked(nvml, cases, tmp_path, modules(tmp_path, FOREIGN)):
        assert answer["gpus"]["driver_version"] == "535.104.05", answer


def test_bindings_of_another_package_are_an_error_where_nothing_else_tells(
    nvml: dict[str, str], tmp_path: Path
) -> None:
    for answer in asked(nvml, [{}] * len(FOREIGN), tmp_path, modules(tmp_path, FOREIGN)):
        assert answer["gpus"] is None
        assert "Traceback" not in answer["error"]


def test_old_bindings_answer_what_they_can(nvml: dict[str, str], tmp_path: Path) -> None:
    old, older = asked(nvml, [{}] * 2, tmp_path, modules(tmp_path, WORKING))
    gpu = {"index": 0, "name": "NVIDIA GeForce RTX 3090", "fabric_ready": None, **NO_PARTS}
    assert old["gpus"]["gpus"] == [gpu | {"brand": "GeForce", "memory_bytes": 25769803776, "compute_capability": "8.6"}]
    assert older["gpus"]["gpus"] == [gpu | {"brand": None, "memory_bytes": None, "compute_capability": None}]


@pytest.mark.skipif(has_nvml(), reason="this machine has NVML")
def test_bindings_are_not_loaded_where_there_is_no_library(tmp_path: Path) -> None:
    (answer,) = asked({"PATH": ""}, [{}], tmp_path, modules(tmp_path, {"exits": FOREIGN["exits"]}))
    assert answer["gpus"] == {"driver_version": None, "gpus": [], "faults": [], "cuda_version": None}


def test_the_slices_of_a_gpu(nvml: dict[str, str], tmp_path: Path) -> None:
    """Slices as on an A100 of 40 GB (MIG User Guide): places without one between them, and names of old and new drivers."""
    cases = [
        {"NVML_SLICES": "1"},
        {"NVML_SLICES": "1", "NVML_SLICE_NAME": "NVIDIA A100 MIG 1g.5gb"},
        {"NVML_SLICES": "0"},
    ]
    named, profiled, without = asked(nvml, cases, tmp_path)
    parts = named["gpus"]["gpus"][1]["slices"]
    assert named["gpus"]["gpus"][0]["slices"] is None
    assert parts == [
        {
            "uuid": f"MIG-00000000-0000-0000-0000-00000000000{number}",
            "gpu_instance": 7 + number,
            "compute_instance": 0,
            "profile": "1g.10gb",
            "memory_bytes": 10_200_547_328,
        }
        for number in (0, 2)
    ]
    assert [part["profile"] for part in profiled["gpus"]["gpus"][1]["slices"]] == ["1g.5gb"] * 2
    assert without["gpus"]["gpus"][1]["slices"] == []


def test_a_container_on_a_slice_need_not_see_the_memory_of_the_whole(nvml: dict[str, str], tmp_path: Path) -> None:
    case = {"NVML_SLICES": "1", "NVML_FAILURES": "memory:1:4", "NVML_SLICE_NAME": "NVIDIA A100 MIG 1g.10gb"}
    (answer,) = asked(nvml, [case], tmp_path)
    assert answer["gpus"]["faults"] == []
    assert [part["profile"] for part in answer["gpus"]["gpus"][1]["slices"]] == ["1g.10gb"] * 2


def test_slices_that_fail_spoil_nothing(nvml: dict[str, str], tmp_path: Path) -> None:
    calls = ("mig", "most", "slice", "uuid", "instance", "virtualization", "licence", "cuda")
    failures = [f"{call}:1:{code} {call}:0:{code}" for call in calls for code in (3, 4, 13, 15, 999)]
    answers = asked(nvml, [{"NVML_SLICES": "1", "NVML_FAILURES": failure} for failure in failures], tmp_path)
    assert [failure for failure, answer in zip(failures, answers, strict=True) if answer["gpus"] is None] == []
    assert all(len(answer["gpus"]["gpus"]) == 2 for answer in answers)


def test_the_licence_of_a_virtual_gpu(nvml: dict[str, str], tmp_path: Path) -> None:
    cases = [{"NVML_VIRTUALIZATION": "2", "NVML_LICENCE": licence} for licence in ("0", "1")]
    cases.append({"NVML_VIRTUALIZATION": "1", "NVML_LICENCE": "1"})
    answers = asked(nvml, cases, tmp_path)
    assert [answer["gpus"]["gpus"][0]["vgpu_licensed"] for answer in answers] == [False, True, None]


def test_the_state_of_the_fabric(nvml: dict[str, str], tmp_path: Path) -> None:
    cases = [
        {"NVML_FABRIC": state, "NVML_FABRIC_STATUS": status} for state, status in (("3", "0"), ("3", "999"), ("0", "0"))
    ]
    cases += [{**case, "NVML_FAILURES": "fabricv:1:13"} for case in cases]  # a driver before 545
    answers = asked(nvml, cases, tmp_path)
    assert [answer["gpus"]["gpus"][1]["fabric_ready"] for answer in answers] == [True, False, None] * 2
