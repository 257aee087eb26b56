"""`bayplan check` against a real registry, as people, Slurm prologs and init containers run it."""

import json
import os
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from tests.agent.box import Box
from tests.agent.documents import A6000, T4, log
from tests.cli.machine.conftest import Run
from tests.process import PROGRAM
from tests.registry.running import Registry

SMI = """\
| NVIDIA-SMI 550.54.15              Driver Version: 550.54.15      CUDA Version: 12.4     |
|   0  NVIDIA GeForce RTX 40...       Off |   00000000:01:00.0  On |                  N/A |
|  0%   32C    P8             11W /  450W |       1MiB /  24564MiB |      0%      Default |
"""


@pytest.fixture(autouse=True)
def _logged_in(logged_in: Box) -> None:
    """Every test has what `docker login` left, as the registry requires it."""


def checked(run: Run, *arguments: str, code: int = 0, typed: str = "") -> dict[str, Any]:
    answer: dict[str, Any] = json.loads(run("check", *arguments, "--json", code=code, typed=typed).stdout)
    return answer


def test_an_image_that_runs_here(box: Box, run: Run, registry: Registry) -> None:
    box.has("580.95.05", A6000)
    answer = checked(run, f"{registry.host}/ml/cuda:12.8")
    assert answer["reference"] == f"{registry.host}/ml/cuda:12.8"
    assert (answer["grade"], answer["origin"]) == ("native", "registry")
    assert answer["worker"]["gpu_name"] == "NVIDIA RTX A6000"
    assert answer["facts"]["cuda_version"]["value"] == "12.8.1"
    printed = run("check", f"{registry.host}/ml/cuda:12.8").stdout
    assert f"Image      {registry.host}/ml/cuda:12.8, CUDA 12.8.1" in printed
    assert "native  It runs" in printed
    assert f"docker run --rm -it --gpus all {registry.host}/ml/cuda:12.8" in printed


def test_an_image_that_does_not(run: Run, registry: Registry) -> None:
    answer = checked(run, f"{registry.host}/ml/cuda:12.8", code=3)
    assert (answer["grade"], answer["reasons"][0]["code"]) == ("no", "needs_gpu")
    assert answer["remedies"]


def test_what_nothing_says_is_unknown_and_how_to_say_it(run: Run, registry: Registry) -> None:
    answer = checked(run, f"{registry.host}/ml/plain:1", code=4)
    assert (answer["grade"], answer["missing"]) == ("unknown", {"cuda_version": "--cuda", "cpu": "--cpu"})
    assert "To get an answer, give --cuda or --cpu." in run("check", f"{registry.host}/ml/plain:1", code=4).stdout
    assert checked(run, f"{registry.host}/ml/plain:1", "--cpu")["grade"] == "cpu"
    assert checked(run, f"{registry.host}/ml/plain:1", "--cuda", "12.8", code=3)["grade"] == "no"


def test_whether_a_video_encoder_works_without_a_gpu_is_not_known(box: Box, run: Run, registry: Registry) -> None:
    assert checked(run, f"{registry.host}/ml/encoder:1", code=4)["missing"] == {"cpu": "--cpu"}
    assert checked(run, f"{registry.host}/ml/encoder:1", "--cpu")["grade"] == "cpu"
    box.has("580.95.05", A6000)
    assert checked(run, f"{registry.host}/ml/encoder:1")["grade"] == "native"


def test_each_architecture_has_its_own_facts(run: Run, registry: Registry) -> None:
    worker = ("--gpu", "NVIDIA L4", "--driver", "580.95.05")
    assert checked(run, f"{registry.host}/ml/both:1", *worker, "--architecture", "amd64")["grade"] == "native"
    assert checked(run, f"{registry.host}/ml/both:1", *worker, "--architecture", "arm64", code=4)["grade"] == "unknown"
    assert checked(run, f"{registry.host}/ml/cuda:12.8", *worker, "--architecture", "arm64", code=3)["grade"] == "no"


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (SMI, 0),
        (SMI.replace("550.54.15", "470.57.02"), 3),
        (log("535.104.05", A6000), 0),
        ("name, driver_version\nTesla T4, 535.104.05\n", 0),
        ("GPU 0: Tesla T4 (UUID: GPU-1)\n", 4),
        ('{"driver_version": "535.104.05", "gpu_name": "Tesla T4"}', 0),
        ("bash: nvidia-smi: command not found", 1),
    ],
    ids=["table", "old driver", "xml", "csv", "list", "worker", "none"],
)
def test_another_machine_by_what_its_nvidia_smi_prints(run: Run, registry: Registry, text: str, code: int) -> None:
    run("check", f"{registry.host}/ml/cuda:12.8", "-", "--quiet", "--architecture", "amd64", code=code, typed=text)


def test_a_probe_is_an_input(box: Box, run: Run, registry: Registry, tmp_path: Path) -> None:
    box.has("580.95.05", A6000, T4)
    file = tmp_path / "box.json"
    file.write_text(run("probe", "--json").stdout)
    assert len(checked(run, f"{registry.host}/ml/cuda:12.8", str(file))["workers"]) == 2


def test_a_machine_with_two_kinds_of_gpu_runs_what_one_of_them_runs(box: Box, run: Run, registry: Registry) -> None:
    box.has("525.147.05", A6000, T4)
    answer = checked(run, f"{registry.host}/ml/cuda:12.8", "--runtime-mode", "cdi")
    assert {tuple(worker["gpus"]) for worker in answer["workers"]} == {(0,), (1,)}
    printed = run("check", f"{registry.host}/ml/cuda:12.8", "--runtime-mode", "cdi").stdout
    assert "The machine runs it, on GPUs 0, 1." in printed


def test_a_gpu_that_cannot_be_read_is_unknown(box: Box, run: Run, registry: Registry) -> None:
    box.has("535.104.05", A6000)
    box.fails("NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver.")
    answer = checked(run, f"{registry.host}/ml/cuda:12.8", code=4)
    assert "couldn't communicate" in answer["reasons"][0]["detail"]


def test_a_tag_costs_one_head_once_the_manifest_is_known(run: Run, registry: Registry) -> None:
    reference = f"{registry.host}/ml/cuda:12.8"
    run("check", reference, "--quiet", code=3)
    before = len(registry.requests)
    started = time.monotonic()
    assert checked(run, reference, code=3)["origin"] == "cache"
    assert time.monotonic() - started < 10  # on a busy machine; docs/check.md has what was measured
    assert {request.partition(" ")[0] for request in registry.requests[before:]} == {"HEAD"}
    digest = checked(run, reference, code=3)["digest"]
    by_digest = f"{registry.host}/ml/cuda@{digest}"
    run("check", by_digest, "--quiet", code=3)
    before = len(registry.requests)
    run("check", by_digest, "--quiet", code=3)
    assert len(registry.requests) == before


def test_offline_uses_what_was_read_before(box: Box, run: Run, registry: Registry) -> None:
    reference = f"{registry.host}/ml/both:1"
    assert "was not checked on this machine before" in run("check", reference, "--offline", code=1).stderr
    run("check", reference, "--quiet", code=3)
    before = len(registry.requests)
    assert checked(run, reference, "--offline", code=3)["origin"] == "cache"
    assert len(registry.requests) == before
    for file in (box.folder / ".cache" / "bayplan" / "inspections").glob("*.json"):
        file.write_bytes(b"damaged")
    run("check", reference, "--offline", code=1)
    assert checked(run, reference, code=3)["origin"] == "registry"


def test_errors_name_what_is_wrong(run: Run, registry: Registry) -> None:
    assert "ml/none" in run("check", f"{registry.host}/ml/none:1", code=1).stderr
    assert "not an image reference" in run("check", "no reference", code=1).stderr
    assert "each name a node" in run("check", "alpine", "-", "--cpu-only", code=2).stderr
    assert run("check", "alpine", "--driver", "new", code=1).stderr.startswith("--driver: ")


def test_without_a_home_or_a_terminal_on_a_file_system_that_is_read_only(
    run: Run, registry: Registry, box: Box
) -> None:
    environment = {
        "PATH": os.environ["PATH"],
        "DOCKER_CONFIG": str(box.folder / ".docker"),
        "HOME": "/proc/nowhere",  # nothing can be written there
    }
    command = [
        str(PROGRAM),
        "check",
        f"{registry.host}/ml/cuda:12.8",
        "--quiet",
        "--driver",
        "580.95.05",
        "--gpu",
        "4090",
    ]
    done = subprocess.run(
        command, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_many_at_once(run: Run, registry: Registry, box: Box) -> None:
    many = int(os.environ.get("BAYPLAN_FUZZ_FACTOR", "1")) * 4
    command = [str(PROGRAM), "check", f"{registry.host}/ml/both:1", "--quiet", "--driver", "580.95.05", "--gpu", "4090"]
    started = [subprocess.Popen(command, env=box.environment(), stderr=subprocess.PIPE, text=True) for _ in range(many)]
    assert [(process.communicate()[1], process.returncode) for process in started] == [("", 0)] * many
