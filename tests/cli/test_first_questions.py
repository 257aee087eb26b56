"""The first questions that people have, each typed as a person types it: whole command lines, a shell, and what comes back.

The parts of each answer have tests of their own beside this; here each question has its test.
"""

import json
import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.agent.box import has_nvml
from tests.cli.conftest import Shell
from tests.cli.machine.conftest import CUDA
from tests.cli.machine.test_layouts import Layout
from tests.process import PROGRAM, Server
from tests.registry.running import Registry, configuration, running_registry

OLD_4090 = """\
| NVIDIA-SMI 550.120                Driver Version: 550.120        CUDA Version: 12.4     |
|   0  NVIDIA GeForce RTX 4090        Off |   00000000:01:00.0  On |                  Off |
|  0%   32C    P8             11W /  450W |     301MiB /  24564MiB |      0%      Default |
"""
CUDA_13 = configuration(
    {
        "NVIDIA_VISIBLE_DEVICES": "all",
        "NVIDIA_DRIVER_CAPABILITIES": "compute,utility",
        "CUDA_VERSION": "13.0.0",
        "PYTORCH_VERSION": "2.9.1",
    }
)
NEWEST, RUNNING = "pytorch:2.9.1-cuda13.0-cudnn9-runtime", "pytorch:2.4.1-cuda12.4-cudnn9-runtime"


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    """A registry that anybody may ask, with an image for CUDA 13."""
    with running_registry("open", tmp_path_factory.mktemp("registry")) as registry:
        registry.image("pytorch/pytorch", "2.9.1-cuda13.0-cudnn9-runtime", CUDA_13)
        yield registry


def test_1_will_this_image_run_on_my_box(stranger: Shell, registry: Registry) -> None:
    """Without a server: this machine, the box that `--gpu` and `--driver` describe, and one whose nvidia-smi is piped in."""
    image = f"{registry.host}/pytorch/{NEWEST}"
    described = stranger.run(
        "check", image, "--gpu", "RTX 4090", "--driver", "550.120", "--architecture", "amd64", code=3
    )
    assert f"Image      {image}, PyTorch 2.9.1, CUDA 13.0.0" in described.out
    assert "-> Upgrade the driver to 580.65.06 or later" in described.out
    answer = json.loads(stranger.run("check", image, "--gpu", "RTX 4090", "--driver", "580.95.05", "--json").out)
    assert answer.keys() >= {"reference", "grade", "reasons", "worker"}
    assert (answer["reference"], answer["grade"], answer["origin"]) == (image, "native", "cache")
    for columns in (60, 120):
        shown = stranger.at_terminal("check", image, "--gpu", "RTX 4090", "--driver", "550.120", columns=columns)
        assert shown.code == 3
        printed = re.sub("\x1b\\[[0-9;]*m", "", shown.out).splitlines()
        assert all(len(line) <= columns or image in line for line in printed), "names are never broken"
        assert "  -> Give --architecture." in printed, "an option, and no field of the API"
    stranger.run("check", image, "-", "--quiet", typed=OLD_4090, code=3)
    forgotten = stranger.run("check", image, "--quiet", typed=OLD_4090, code=2).err
    assert "add - to check that machine, or --here to check this one" in forgotten


@pytest.mark.skipif(has_nvml(), reason="this machine has NVML of its own")
def test_1_on_a_machine_without_a_gpu_the_next_step_is_named(stranger: Shell, registry: Registry) -> None:
    image = f"{registry.host}/pytorch/{NEWEST}"
    # an input that stays open is not waited for, and the list of a loop of the shell stays in it
    reading, writing = os.pipe()
    os.write(writing, b"the next image\n")
    done = subprocess.run(
        [PROGRAM, "check", image],
        env=stranger._environment(),
        stdin=reading,
        capture_output=True,
        timeout=30,
        check=False,
    )
    assert (done.returncode, done.stderr) == (3, b"")
    assert b"ssh BOX nvidia-smi | bayplan check IMAGE -" in done.stdout
    assert os.read(reading, 100) == b"the next image\n"
    os.close(reading)
    os.close(writing)


def test_1_offline_and_without_any_account(stranger: Shell, tmp_path: Path) -> None:
    Layout(tmp_path / "image").image(CUDA, ref_name="12.8")
    asked = ("--gpu", "4090", "--driver", "580.95.05", "--offline")
    assert "native" in stranger.run("check", f"oci:{tmp_path / 'image'}", *asked).out
    command = [str(PROGRAM), "check", "image:12.8", "--cpu-only"]
    nowhere = stranger.with_settings(registry_proxy="http://127.0.0.1:9")  # no test asks Docker Hub
    by_name = subprocess.run(
        command, env=nowhere._environment(), cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert by_name.returncode == 1
    assert by_name.stderr.endswith("The image in this folder is `./image:12.8`.\n")


def test_1_from_the_catalogue_and_a_near_miss(
    server: Server, shell: Shell, stranger: Shell, registry: Registry
) -> None:
    assert "Read from  the catalogue" in shell.run("check", NEWEST, "--node", "t4.example.org", code=3).out
    near = shell.run("check", f"{registry.host}/pytorch/{NEWEST[:-1]}", "--node", "t4.example.org", code=1).err
    assert near.endswith(f"Of the catalogue, did you mean {NEWEST}?\n")
    token = shell.run("token", "create", "cannot-match", "--scope", "read").out.strip()
    nowhere = {"registry_proxy": "http://127.0.0.1:9"}  # no test asks Docker Hub
    program = stranger.with_settings(server=server.url, token=token, **nowhere)
    refused = program.run("check", NEWEST, "--cpu-only", code=1).err
    assert "with `bayplan token create`" in refused
    assert "/v1/" not in refused


@pytest.mark.skipif(has_nvml(), reason="this machine has NVML of its own")
def test_2_what_is_on_this_machine_and_what_runs_here(shell: Shell) -> None:
    assert shell.run("probe").out.startswith("gpus          none\n")
    assert shell.run("match", "--here").out.startswith("Node    no GPU")


def test_3_which_of_my_machines_run_this_image_and_with_another_driver(shell: Shell) -> None:
    fitting = shell.run("fit", RUNNING).out
    assert re.search(r"Result  It runs on \d+ of \d+ nodes\.", fitting)
    assert re.search(r"^no +1 +Tesla K80 .* k80\.example\.org#0", fitting, re.MULTILINE), (
        "also those that do not run it"
    )
    node = ("--node", "t4.example.org", "--driver", "580.126.20")
    assert "With    driver 580.126.20" in shell.run("fit", NEWEST, *node).out
    assert "driver 580.126.20" in shell.run("match", *node, "--framework", "pytorch", "--limit", "1").out
    assert "native  It runs" in shell.run("why", NEWEST, *node, "--exit-code").out


def test_4_any_reference_works_and_a_near_miss_says_so(shell: Shell) -> None:
    pk = json.loads(shell.run("images", "show", NEWEST, "--json").out)["pk"]
    spellings = (NEWEST, str(pk), f"pytorch/{NEWEST}", f"docker.io/pytorch/{NEWEST}", f"docker://pytorch/{NEWEST}")
    for name in spellings:
        assert shell.run("why", name, "--node", "t4.example.org", "-q", "--exit-code", code=3).out == ""
    for command in (("why", "--cpu-only"), ("fit",), ("images", "floor"), ("images", "show")):
        missed = shell.run(*command, f"{NEWEST}x", code=1).err
        assert f"did you mean {NEWEST}?" in missed


def test_5_what_to_pull_and_how_to_run_it(shell: Shell) -> None:
    names = shell.run("match", "--node", "t4.example.org", "--framework", "pytorch", "-o", "name").out.splitlines()
    assert names[0] == "pytorch/pytorch:2.1.2-cuda11.8-cudnn8-runtime"
    assert names[0] in shell.run("images", "list", "-o", "name").out.splitlines()
    verdict = shell.run("why", names[0], "--node", "t4.example.org").out
    assert verdict.splitlines()[-1] == f"docker run --rm -it --gpus device=0 {names[0]}"


def test_6_pull_this_image(shell: Shell) -> None:
    """By name; a machine that is no worker yet is told how it becomes one. `tests/agent` pulls."""
    refused = shell.run("worker", "pull", "--framework", "pytorch", code=1).err
    assert "bayplan worker join" in refused


def test_7_an_order_that_means_something(shell: Shell) -> None:
    printed = shell.run("match", "--gpu", "RTX 4090", "--driver", "550.120", "--architecture", "amd64").out
    frameworks = [line.split("  ")[0].rpartition(" ")[0] for line in printed.splitlines()[4:]]
    grouped = [name for number, name in enumerate(frameworks) if name and name != frameworks[number - 1]]
    assert len(grouped) == len(set(grouped)) > 5, "each framework once, one after another"
    assert json.loads(shell.run("match", "--cpu-only", "--json").out)["matches"], "the API's list, flat"
