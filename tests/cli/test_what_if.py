"""`bayplan what-if`: changes as people type them, and what they would lead to."""

import json
import re
from pathlib import Path

import pytest

from tests.cli.conftest import Shell

DRIVER = ("what-if", "--driver", "580.95.05", "--nodes", "gpu=RTX 4090")


def answer(shell: Shell, *arguments: str) -> dict[str, dict[str, int]]:
    read: dict[str, dict[str, int]] = json.loads(shell.run("what-if", *arguments, "--json").out)
    return read


def test_before_and_after_and_what_changes(shell: Shell) -> None:
    printed = shell.run(*DRIVER).out
    assert re.search(r"^VERDICTS +BEFORE +AFTER +CHANGE$", printed, re.MULTILINE)
    assert re.search(r"^native +\d+ +\d+ +\+\d+$", printed, re.MULTILINE)
    lost = shell.run("what-if", "--remove-node", "t4.example.org").out
    assert "Images that lose their last node:" in lost
    assert re.search(r"^text-embeddings-inference:turing-1\.8 +ran on 1 node, all of them removed$", lost, re.MULTILINE)
    worse = shell.run("what-if", "--driver", "470.57.02", "--node", "t4.example.org").out
    assert "driver_too_old" in worse


def test_each_way_to_say_a_driver_means_the_same(shell: Shell, tmp_path: Path) -> None:
    expected = answer(shell, *DRIVER[1:])
    assert expected["before"] != expected["after"]
    assert answer(shell, "--set", "driver_version=580.95.05", "--nodes", "gpu=RTX 4090") == expected
    assert answer(shell, "--set", "driver=580.95.05", "--node", "rtx4090.example.org") == expected
    file = tmp_path / "changes.yaml"
    nodes = '{"expressions": [{"type": "contains", "field": "gpu_name", "sub_string": "4090"}]}'
    file.write_text(f'changes:\n- set: {{driver_version: "580.95.05"}}\n  nodes: {nodes}\n')
    assert answer(shell, "-f", str(file)) == expected


def test_a_driver_branch_makes_no_image_lose_its_last_node(shell: Shell) -> None:
    """A node with 580.95.05 has a driver of branch 580; on the others it is not known which release they would have."""
    image = "pytorch:2.9.1-cuda13.0-cudnn9-runtime"
    for driver in ("580", "580.95"):
        assert "lose their last node" not in shell.run("what-if", "--driver", driver).out
    unchanged = answer(shell, "--driver", "580", "--nodes", "driver=580")
    assert unchanged["after"] == unchanged["before"]
    fits = shell.run("fit", image, "--driver", "580").out
    assert re.search(r"Result  It runs on 2 of \d+ nodes; for 7 it is not known\.", fits)
    why = ("why", image, "--gpu", "NVIDIA L4", "--architecture", "amd64", "--exit-code", "--driver")
    assert "driver_too_old" in shell.run(*why, "575", code=3).out
    undecided = " ".join(shell.run(*why, "580", code=4).out.split())
    assert (
        "580.65.06 is the oldest driver for CUDA 13.0.3. Which release of 580 the node has is not known." in undecided
    )
    assert "-> Give --driver with all its parts, as nvidia-smi prints it" in undecided
    assert (
        shell.run("nodes", "list", "--driver", "535.104", "-o", "name").out
        == shell.run("nodes", "list", "--driver", "535.104.05", "-o", "name").out
    )


def test_nodes_and_images_come_and_go(shell: Shell, tmp_path: Path) -> None:
    file = tmp_path / "image.yaml"
    file.write_text("{cpu: true, tasks: [train], name: mine}")
    image = "pytorch:2.9.1-cuda13.0-cudnn9-runtime"
    plan = answer(shell, "--add", "8x H100 SXM,580.95", "--add", "L4", "--retire", image, "--add-image", str(file))
    before, after = plan["before"], plan["after"]
    assert (after["nodes"] - before["nodes"], after["images"] - before["images"]) == (9, 0)
    assert image in shell.run("images", "list", "--name", "pytorch").out  # nothing was changed


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        ((), 2, "Say what is to change"),
        (("--nodes", "gpu=L4"), 2, "give --driver or --set"),
        (("--set", "drivr_version=1"), 2, "did you mean"),
        (("--set", "wsl=perhaps"), 2, "write yes, no or none"),
        (("--driver", "580", "--nodes", "L4"), 2, "like 'gpu=RTX 4090'"),
        (("--add", "8x"), 2, "--add 8x"),
        (("--add", "8x H100,newest"), 2, "newest, which is no driver"),
        (("--retire", "pytorhc:2.4"), 1, "pytor"),
        (("--remove-node", "nowhere"), 1, "nowhere"),
        (("--driver", "new"), 1, "--driver: 'new' is not a driver version"),
        (("--set", "driver=new"), 1, "--set: 'new' is not a driver version"),
        (("--driver", "580", "--nodes", "driver=R5"), 1, "--nodes driver=R5: write a branch (535)"),
        (("-f", "no such file.yaml"), 1, "cannot be read"),
    ],
)
def test_what_is_wrong_is_said(shell: Shell, arguments: tuple[str, ...], code: int, sentence: str) -> None:
    assert sentence.lower() in re.sub(r"\s+", " ", shell.run("what-if", *arguments, code=code).err).lower()


def test_a_file_of_changes_is_read_as_catalogue_files_are(shell: Shell, tmp_path: Path) -> None:
    """YAML's dates and switches are texts, and aliases fill no memory."""
    file = tmp_path / "changes.yaml"
    image = "- add_image: {name: a, version: '1', url: 'docker.io/a:1', facts: {end_of_life: %s}}\n"
    file.write_text(image % "2027-01-31")
    shell.run("what-if", "-f", str(file))
    for text, sentence in (
        (image % "!!bool maybe", "changes.yaml:1:81: the tag tag:yaml.org,2002:bool is not read here"),
        ("x: &a [1]\nx: 2\n", "changes.yaml:2:1: 'x' was given already on line 1."),
        (
            "- &a [x, x, x, x, x, x, x, x, x, x]\n"
            + "".join(
                f"- &{new} [{', '.join([f'*{old}'] * 10)}]\n" for old, new in zip("abcdefgh", "bcdefghi", strict=True)
            ),
            "the aliases make more than 1,000,000 values of this file",
        ),
    ):
        file.write_text(text)
        assert sentence in re.sub(r"\s+", " ", shell.run("what-if", "-f", str(file), code=1).err).lower()
