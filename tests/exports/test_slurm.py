"""The batch script for Slurm, run by bash with small programs in place of Slurm, enroot and the driver."""

import random
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from bayplan.domain.compatibility.node import Node
from bayplan.exports.slurm import slurm
from tests.exports.floors import CPU, IMAGES, NGC, TORCH, floor_of
from tests.exports.test_targets import nodes, runs_whatever_the_class

BASH = shutil.which("bash") or "/bin/bash"
MOST_JOBS = 16
_OPTION = re.compile(r"#SBATCH\s+(--[a-z-]+)=(\"[^\"]*\"|\S+)")


@pytest.fixture
def cluster(tmp_path: Path) -> Path:
    """A folder with programs that write down how they are called; `gpu` has what the driver says."""
    programs = {
        "nvidia-smi": 'echo "$*" >> "$HERE/asked"; cat "$HERE/gpu"',
        "enroot": 'echo "$*" >> "$HERE/imported"; while [ "$1" != --output ]; do shift; done; echo image > "$2"',
        "srun": 'printf "%s\\n" "$@" > "$HERE/started"',
    }
    for name, body in programs.items():
        (tmp_path / name).write_text(f"#!{BASH}\nHERE={tmp_path}\n{body}\n")
        (tmp_path / name).chmod(0o755)
    return tmp_path


def run(cluster: Path, script: str, gpu: str, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """Runs the script as a job on a node whose driver says this."""
    (cluster / "gpu").write_text(gpu)
    (cluster / "job.sh").write_text(script)
    return subprocess.run(
        [BASH, "job.sh", *arguments],
        cwd=cluster,
        env={"PATH": f"{cluster}:/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("name", IMAGES)
def test_bash_reads_it_and_slurm_its_header(name: str) -> None:
    script = slurm(floor_of(IMAGES[name], name))
    subprocess.run([BASH, "-n"], input=script, text=True, check=True)
    lines = script.splitlines()
    assert lines[0] == "#!/bin/bash"
    header = [line for line in lines if line.startswith("#SBATCH")]
    first = next(at for at, line in enumerate(lines) if line and not line.startswith("#"))
    assert all(line in lines[:first] for line in header), "sbatch reads options up to the first command"
    matches = [match for line in header if (match := _OPTION.fullmatch(line))]
    options = {match[1]: match[2] for match in matches}
    assert len(options) == len(header)
    assert options["--job-name"] == name
    assert ("--gpus" in options) == (name != "cpu")
    if name != "cpu":
        assert re.fullmatch(r'"[a-z0-9]+(\|[a-z0-9]+)*"', options["--constraint"])


def test_a_job_imports_the_image_once_and_runs_its_command(cluster: Path) -> None:
    script = slurm(floor_of(TORCH, "torch"))
    for _ in range(2):
        done = run(cluster, script, "8.6, 550.54.15\n8.6, 550.54.15\n", "python", "train the model.py")
        assert (done.returncode, done.stderr) == (0, "")
    assert (cluster / "imported").read_text() == (
        "import --output torch.sqsh docker://registry.example.org:5000#team/torch:1.0\n"
    )
    started = (cluster / "started").read_text().splitlines()
    assert started == ["--container-image=./torch.sqsh", "python", "train the model.py"]
    assert run(cluster, slurm(floor_of(CPU, "cpu")), "").returncode == 0


@pytest.mark.parametrize("gpu", ["", "\n", "No devices were found\n", "8.6, [N/A]\n", "NVIDIA-SMI has failed\n"])
def test_a_node_without_a_driver_says_so(cluster: Path, gpu: str) -> None:
    done = run(cluster, slurm(floor_of(TORCH, "torch")), gpu)
    assert (done.returncode, done.stderr) == (1, "nvidia-smi says no driver on this node.\n")
    assert not (cluster / "imported").exists()


def test_the_driver_of_the_floor_itself_is_enough(cluster: Path) -> None:
    """Also where it has zeros that the script leaves out."""
    script = slurm(floor_of(TORCH, "torch")).replace("525.60.13", "450.80.2")
    for driver, code in (("450.80.02", 0), ("450.80.2", 0), ("450.80.01", 1), ("450.80", 1), ("450.100", 0)):
        assert run(cluster, script, f"8.6, {driver}\n").returncode == code, driver


def test_jobs_run_where_the_judge_says_that_the_image_runs(cluster: Path) -> None:
    dice, ran = random.Random(7), list[bool]()
    for image in (TORCH, NGC):
        floor = floor_of(image)
        script = slurm(floor)
        around = [node for _ in range(8) for node in nodes(dice, floor)]
        for node in (node for node in around if node.architecture == "amd64" and _has_room(node)):
            runs = runs_whatever_the_class(image, node)
            if ran.count(runs) >= MOST_JOBS:
                continue
            gpu = f"{node.compute_capability}, {node.driver_version}\n"
            assert (run(cluster, script, gpu).returncode == 0) == runs, (image, node)
            ran.append(runs)
    assert set(ran) == {True, False}


def _has_room(node: Node) -> bool:
    """Whether it has the memory and the GPUs, which Slurm looks after."""
    return (node.gpu_mem_bytes or 0) > 32 << 30 and node.machine_gpus == 8
