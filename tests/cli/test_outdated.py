"""`bayplan images outdated` and `images retire`: images that are out of date, and what goes with them."""

import json

import pytest

from tests.cli.conftest import Shell

OLD, NEW = "vllm-openai:v0.9.2", "vllm-openai:v0.11.0"


def test_images_that_are_out_of_date(shell: Shell) -> None:
    printed = shell.run("images", "outdated").out
    line = next(line for line in printed.splitlines() if "vllm-openai v0.9.2" in line)
    assert "superseded" in line
    assert NEW in line
    assert "No worker has reported an image inventory" in printed
    names = shell.run("images", "outdated", "--reason", "superseded", "-o", "name").out.splitlines()
    assert OLD in names
    assert not {NEW, "text-embeddings-inference:turing-1.8"} & set(names)
    answer = json.loads(shell.run("images", "outdated", "--reason", "end-of-life", "--json").out)
    assert {image["reasons"][0]["code"] for image in answer["images"]} == {"end_of_life"}
    assert answer["counts"]["superseded"] == len(names)
    by_day = shell.run("images", "outdated", "--reason", "end_of_life,superseded", "--sort-by", "until", "-q").out
    first, *_ = sorted(answer["images"], key=lambda image: image["reasons"][0]["until"])
    assert by_day.splitlines()[0] == f"{first['name']}:{first['version']}"
    assert "No image is out of date." in shell.run("images", "outdated", "--reason", "in_no_inventory").out
    assert "did you mean deprecated" in shell.run("images", "outdated", "--reason", "depricated", code=2).err


def test_what_retiring_strands_comes_first(shell: Shell) -> None:
    gone = ("text-embeddings-inference:turing-1.8", OLD)
    shell.run("images", "deprecate", NEW, "--successor", OLD)
    shell.run("prefetch", "add", "old ones", "--framework", "vllm", "-q")
    printed = shell.run("images", "retire", *gone, "--dry-run", code=3).out
    assert "Prefetch rules that choose them:" in printed
    assert f"old ones  {OLD}; 1 other image left" in printed
    assert f"{NEW}  {OLD}" in printed
    answer = json.loads(shell.run("images", "retire", *gone, "--dry-run", "--json", code=3).out)
    assert [rule["rule"] for rule in answer["rules"]] == ["old ones"]
    assert OLD in shell.run("images", "list", "--name", "vllm", "-o", "wide").out.replace(" v0", ":v0")
    refusal = shell.run("images", "retire", OLD, code=2)
    assert "Delete 1 image?" in refusal.err
    assert "old ones" in refusal.out
    shell.run("prefetch", "rm", "old ones", "-y")
    shell.run("images", "undeprecate", NEW)
    assert "and nothing uses it.\n" in shell.run("images", "retire", OLD, "--dry-run").out
    deleted = json.loads(shell.run("images", "retire", gone[0], "-y", "--json").out)
    assert deleted["deletion_time"]
    shell.run("images", "reinstate", gone[0])
    done = shell.run("images", "retire", *gone, "-y").out
    assert done.count("brings it back.") == 2
    assert shell.run("images", "reinstate", *gone).out.count(" is back.") == 2


@pytest.mark.parametrize("image", ["pytorch:9.9", "999999"])
def test_an_image_that_is_not_there(shell: Shell, image: str) -> None:
    assert shell.run("images", "retire", image, "--dry-run", code=1).err
