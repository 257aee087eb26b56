"""This machine, and images of the catalogue, in questions that also work without a server."""

import json

import pytest

from tests.agent.box import has_nvml
from tests.cli.conftest import Shell

T4 = ("--driver", "535.183.01", "--gpu", "Tesla T4", "--architecture", "amd64")


@pytest.mark.skipif(has_nvml(), reason="this machine has NVML of its own")
def test_what_runs_on_this_machine(shell: Shell) -> None:
    answer = json.loads(shell.run("match", "--here", "--task", "predict", "--json").out)
    assert answer["worker"]["kernel_version"]
    assert {match["grade"] for match in answer["matches"]} == {"cpu"}
    assert shell.run("why", "ultralytics:8.3.0-cpu", "--here").out.count("It runs, without using a GPU.") == 1


def test_the_catalogue_answers_where_somebody_is_logged_in(shell: Shell) -> None:
    for name in ("pytorch:2.4.1-cuda12.4-cudnn9-runtime", "pytorch/pytorch:2.4.1-cuda12.4-cudnn9-runtime"):
        checked = json.loads(shell.run("check", name, *T4, "--json").out)
        assert (checked["origin"], checked["grade"]) == ("catalogue", "minor")
        assert checked["reference"] == "docker.io/pytorch/pytorch:2.4.1-cuda12.4-cudnn9-runtime"


def test_a_node_of_the_catalogue_and_what_an_upgrade_would_do(shell: Shell) -> None:
    image = ("check", "pytorch:2.9.1-cuda13.0-cudnn9-runtime", "--node", "t4.example.org", "--quiet")
    shell.run(*image, code=3)
    shell.run(*image, "--driver", "580.126.20")


def test_a_server_that_does_not_answer_leaves_the_image_to_its_registry(stranger: Shell) -> None:
    alone = stranger.with_settings(server="http://127.0.0.1:9", token="x")
    refused = alone.run("check", "127.0.0.1:9/ml/none:1", *T4, code=1).err
    assert "http://127.0.0.1:9" in refused
    assert "The image's registry is asked instead." in refused
    assert "Nothing answers at '127.0.0.1:9'" in refused
