"""`bayplan prefetch`: rules are added, shown and removed, and the inventories of nodes and images shown."""

import json
import re

import pytest

from tests.cli.conftest import Shell
from tests.cli.test_images import rows


@pytest.fixture
def name(request: pytest.FixtureRequest) -> str:
    """A rule's name of this test alone."""
    text: str = request.node.name
    return text


def exact(field: str, value: object) -> dict[str, object]:
    return {"type": "exact", "field": field, "value": value}


def test_a_rule_is_added_shown_and_removed(shell: Shell, name: str) -> None:
    printed = shell.run("prefetch", "add", name, "--task", "train", "--domain", "od", "--node", "t4.example.org#0").out
    confirmation = re.fullmatch(rf"Added the rule '{re.escape(name)}' \((\d+)\); .*\n", printed)
    assert confirmation
    shown = shell.run("prefetch", "show", name).out
    assert shell.run("prefetch", "show", confirmation.group(1)).out == shown
    assert "tasks is train and domain is od" in shown
    assert "ip is t4.example.org and index is 0" in shown
    assert name in shell.run("prefetch", "list").out
    assert shell.run("prefetch", "rm", name, "-y").out == f"Removed the rule '{name}'.\n"
    assert "There is no rule" in shell.run("prefetch", "show", name, code=1).err


def test_options_of_one_kind_add_to_each_other(shell: Shell, name: str) -> None:
    options = (
        "--task",
        "train",
        "--task",
        "export",
        "--framework",
        "PyTorch 2.4.1",
        "--node",
        "3",
        "--generation",
        "ampere",
    )
    rule = json.loads(shell.run("prefetch", "add", name, *options, "--json").out)
    by_task, by_framework = rule["images"]["expressions"]
    assert by_task["type"] == "or"
    assert [part["value"] for part in by_task["sub_expressions"]] == ["train", "export"]
    name_part, *versions = by_framework["sub_expressions"]
    assert (name_part["field"], name_part["value"]) == ("framework.name", "PyTorch")
    assert [(part["operator"], part["value"]) for part in versions] == [(">=", "2.4.1"), ("<", "2.4.2")]
    assert [part["field"] for part in rule["nodes"]["expressions"]] == ["pk", "hardware_generation.generation"]
    assert rule["images"]["order_by"][0] == {"field": "framework.version", "ascending": False}
    assert json.loads(shell.run("prefetch", "show", name, "--json").out) == rule
    assert rule in json.loads(shell.run("prefetch", "list", "--json").out)
    shell.run("prefetch", "rm", name, "-y")


def test_a_rule_for_an_image_makes_it_desired_on_the_node(shell: Shell, name: str) -> None:
    image = "pytorch:2.4.1-cuda12.4-cudnn9-runtime"
    shell.run("prefetch", "add", name, "--image", image, "--node", "192.0.2.10")
    head, line, total = rows(shell.run("prefetch", "status", "--node", "192.0.2.10#1").out)
    assert head == ["IMAGE", "DESIRED", "STATE", "SIZE", "SINCE", "WHY"]
    assert line[:3] == [image, "yes", "not yet"]
    assert total == ["1 image"]
    inventory = json.loads(shell.run("prefetch", "status", "--node", "192.0.2.10#1", "--json").out)
    assert [image["state"] for image in inventory["images"]] == [None]
    assert shell.run("prefetch", "status", "--image", image).out == "It is desired on no node, and present on none.\n"
    assert shell.run("prefetch", "status").out == "No machine has joined.\n"
    assert json.loads(shell.run("prefetch", "status", "--json").out) == []
    shell.run("prefetch", "rm", name, "-y")


def test_a_filter_for_what_options_cannot_say(shell: Shell, name: str) -> None:
    nodes = {"expressions": [{"type": "compare", "field": "gpu_mem", "operator": ">=", "value": 40_000_000_000}]}
    rule = json.loads(
        shell.run("prefetch", "add", name, "--images-filter", "{}", "--nodes-filter", json.dumps(nodes), "--json").out
    )
    assert rule["nodes"]["expressions"] == nodes["expressions"]
    assert rule["images"] == {"expressions": [], "order_by": []}
    shown = shell.run("prefetch", "show", name).out
    assert "gpu_mem >= 40000000000" in shown
    assert re.search(r"images +all\n", shown)
    shell.run("prefetch", "rm", name, "-y")


WRONG = (
    ((), 2, "Say which images"),
    (("--task", "train", "--images-filter", "{}"), 2, "leave out the other options"),
    (("--task", "train", "--node", "3", "--nodes-filter", "{}"), 2, "leave out the other options"),
    (("--images-filter", "{"), 1, "is not JSON"),
    (("--images-filter", "[]"), 1, "is not a filter"),
    (("--task", "train", "--node", "t4.example.org#first"), 1, "is no node"),
    (("--task", "train", "--node", "t4.example.org#\N{SUPERSCRIPT TWO}"), 1, "is no node"),
    (("--images-filter", json.dumps({"expressions": [exact("colour", "red")]})), 1, "has no field 'colour'"),
)


@pytest.mark.parametrize(("options", "code", "reason"), WRONG, ids=str)
def test_wrong_options_say_why(shell: Shell, name: str, options: tuple[str, ...], code: int, reason: str) -> None:
    done = shell.run("prefetch", "add", name[:40], *options, code=code)
    assert reason in re.sub(r"\s+", " ", done.err)


def test_a_rule_that_matches_nothing_says_so(shell: Shell, name: str) -> None:
    nothing = json.dumps({"expressions": [exact("pk", 999_999)]})
    printed = shell.run("prefetch", "add", name, "--images-filter", nothing, "--nodes-filter", nothing).out
    assert printed.endswith("So far it lets no image and no node through: is everything spelt right?\n")
    shell.run("prefetch", "rm", name, "-y")


@pytest.mark.parametrize("columns", [80, 120])
def test_the_screens_fit_a_terminal(shell: Shell, name: str, columns: int) -> None:
    shell.run("prefetch", "add", name, "--task", "train", "--framework", "PyTorch 2.4.1")
    for arguments in (("list",), ("show", name), ("status", "--node", "192.0.2.10#0"), ("status",)):
        plain = re.sub(r"\x1b\[[0-9;]*m", "", shell.at_terminal("prefetch", *arguments, columns=columns).out)
        assert max(len(line) for line in plain.splitlines()) <= columns
    shell.run("prefetch", "rm", name, "-y")


@pytest.mark.parametrize(
    ("options", "error"),
    [
        (("--framework", "pytroch"), "did you mean PyTorch?"),
        (("--framework", "pytorch>=99"), "there are PyTorch 2.12.1, PyTorch 2.9.1"),
        (("--task", "trian"), "did you mean train?"),
        (("--domain", "zz"), "have the domains ic, is, od"),
        (("--image", "pytroch:2.4.1-cuda12.4-cudnn9-runtime"), "did you mean pytorch:2.4.1"),
        (("--task", "train", "--node", "t44.example.org"), "did you mean t4.example.org?"),
        (("--task", "train", "--generation", "Amper"), "did you mean Ampere?"),
    ],
)
def test_what_there_is_not_is_refused(shell: Shell, options: tuple[str, ...], error: str) -> None:
    assert error in shell.run("prefetch", "add", "of nothing", *options, code=1).err


def test_a_rule_by_each_spelling_of_a_framework(shell: Shell, name: str) -> None:
    for number, spec in enumerate(("torch", "PyTorch 2.4", "pytorch>=2.4,<3", "torch==2.4.1")):
        shell.run("prefetch", "add", f"{name} {number}", "--framework", spec, "--node", "t4")
    shown = shell.run("prefetch", "list").out
    assert "framework.version >= 2.4 and framework.version < 2.5" in shown
    assert "ip is t4.example.org" in shown
    for number in range(4):
        shell.run("prefetch", "rm", f"{name} {number}", "-y")


def test_a_rule_for_the_nodes_with_labels(shell: Shell, name: str) -> None:
    image = "pytorch:2.4.1-cuda12.4-cudnn9-runtime"
    address = "labelled-3.example.net"
    shell.run("nodes", "add", address, "--label", "zone=a", "--driver", "550.54.15", "--gpu", "L4")
    selectors = ("--label", "zone in (a,b),!spare", "-l", "zone!=c")
    rule = json.loads(shell.run("prefetch", "add", name, "--image", image, *selectors, "--json").out)
    listed = shell.run("nodes", "list", "-q", *selectors).out.split()
    assert listed == [f"{address}#0"]
    assert len(rule["nodes"]["expressions"]) == 3
    assert "labels.zone is a or labels.zone is b" in shell.run("prefetch", "show", name).out
    assert image in shell.run("prefetch", "status", "--node", address).out
    edited = shell.run("prefetch", "edit", name, "-l", "zone=nowhere").out
    assert edited.startswith(f"Changed nodes of the rule '{name}'.\nSo far it lets no node through")
    assert image not in shell.run("prefetch", "status", "--node", address).out
    error = shell.run("prefetch", "edit", name, "--label", "zone=a b", code=2).err
    assert "--label zone=a b" in re.sub(r"\s+", " ", error)
    shell.run("prefetch", "rm", name, "-y")
    shell.run("nodes", "rm", address, "-y")


def test_a_rule_is_edited_by_the_options_of_add(shell: Shell, name: str) -> None:
    image = "pytorch:2.4.1-cuda12.4-cudnn9-runtime"
    shell.run("prefetch", "add", name, "--task", "train", "--node", "t4")
    edited = shell.run("prefetch", "edit", name, "--image", image, "--domain", "od").out
    assert edited == f"Changed images of the rule '{name}'.\n"
    rule = json.loads(shell.run("prefetch", "edit", name, "--nodes-filter", "{}", "--name", f"{name} 2", "--json").out)
    assert (rule["name"], rule["nodes"]["expressions"], len(rule["images"]["expressions"])) == (f"{name} 2", [], 2)
    nothing = shell.run(
        "prefetch", "edit", f"{name} 2", "--images-filter", json.dumps({"expressions": [exact("pk", 9_999)]})
    )
    assert "So far it lets no image through" in nothing.out
    assert "Say what to change" in shell.run("prefetch", "edit", name, code=2).err
    assert (
        "leave out the other" in shell.run("prefetch", "edit", name, "--task", "x", "--images-filter", "{}", code=2).err
    )
    assert "did you mean train?" in shell.run("prefetch", "edit", f"{name} 2", "--task", "trian", code=1).err
    # What is removed names the rules that name it.
    shell.run("prefetch", "edit", f"{name} 2", "--image", image, "--node", "t4#0")
    question = shell.run("images", "rm", image, code=2).err
    assert f"The rule '{name} 2' names it. admin added it." in re.sub(r"\s+", " ", question)
    assert f"The rule '{name} 2' names it." in shell.run("nodes", "rm", "t4", code=2).err
    assert "rule" not in shell.run("images", "rm", "pytorch:2.7.1-cuda12.8-cudnn9-runtime", code=2).err
    shell.run("prefetch", "rm", f"{name} 2", "-y")
