"""Labels and host names of nodes at the command line, as a person types them."""

import json

import pytest

from bayplan.cli.node_labels import label_changes, selected
from bayplan.cli.options import UsageError
from bayplan.client import any_of, exact, is_null
from tests.cli.conftest import Shell
from tests.cli.test_images import rows


def test_labels_are_set_removed_listed_and_chosen_by(shell: Shell) -> None:
    first, second = "labelled-1.example.net", "labelled-2.example.net"
    shell.run("nodes", "add", first, "--label", "zone=a", "--label", "gpu.tier")
    shell.run("nodes", "add", second, "--label", "zone=b,example.org/rack=7")
    printed = shell.run("nodes", "edit", first, "--label", "zone=c", "--label", "gpu.tier-", "--label", "site=x").out
    assert printed == f"Changed labels of {first}#0.\n"
    assert ["labels", "site=x, zone=c"] in rows(shell.run("nodes", "show", "labelled-1").out)

    everything = shell.run("nodes", "list", "-q").out.split()
    assert shell.run("nodes", "list", "-q", "-l", "zone=c").out.split() == [f"{first}#0"]
    assert shell.run("nodes", "list", "-q", "--label", "zone", "--label", "!site").out.split() == [f"{second}#0"]
    others = set(shell.run("nodes", "list", "-q", "-l", "zone notin (b, c)").out.split())
    assert others == set(everything) - {f"{first}#0", f"{second}#0"}
    head, *lines = [line.rstrip() for line in shell.run("nodes", "list", "-l", "zone", "-o", "wide").out.splitlines()]
    assert "LABELS" in head
    assert "example.org/rack=7, zone=b" in lines[1]
    for wrong in ("zone=a b", "=a", "-zone"):
        error = shell.run("nodes", "edit", first, f"--label={wrong}", code=2).err
        assert f"--label {wrong}: it has the " in error
    exported = shell.home / "fleet.yaml"
    exported.write_text(shell.run("export").out)
    shell.run("nodes", "edit", second, "--label", "zone-")
    assert f"{second}#0" in shell.run("apply", str(exported), "--yes").out
    shown = json.loads(shell.run("nodes", "show", second, "--json").out)
    assert shown["labels"] == {"example.org/rack": "7", "zone": "b"}
    shell.run("nodes", "rm", first, second, "-y")


def test_a_machine_is_named_by_its_own_name(shell: Shell) -> None:
    for index, gpu in ((0, "Tesla T4"), (1, "NVIDIA L4")):
        shell.run(
            "nodes", "add", "198.51.100.7", "--index", str(index), "--hostname", "Named07.example.net", "--gpu", gpu
        )
    shell.run("nodes", "add", "198.51.100.8", "--hostname", "named08")
    shell.run("nodes", "add", "198.51.100.9", "--hostname", "named08")

    def node(text: str) -> str:
        shown = json.loads(shell.run("nodes", "show", text, "--json").out)
        return f"{shown['ip']}#{shown['index']}"

    assert node("named07#1") == node("NAMED07.example.net#1") == "198.51.100.7#1"
    error = shell.run("nodes", "show", "named07", code=1).err
    assert error == "'named07' has 2 nodes; say which: 198.51.100.7#0 (Tesla T4), 198.51.100.7#1 (NVIDIA L4).\n"
    error = shell.run("nodes", "show", "named08", code=1).err
    assert error == "'named08' has 2 nodes on 2 machines; say which: 198.51.100.8#0, 198.51.100.9#0.\n"
    error = shell.run("prefetch", "add", "by name", "--node", "named08", "--task", "train", code=1).err
    assert "'named08' has 2 nodes on 2 machines" in error
    assert "did you mean named07#1?" in shell.run("nodes", "show", "named07:1", code=1).err
    assert "did you mean named07.example.net" in shell.run("nodes", "show", "nam07", code=1).err
    shell.run("nodes", "edit", "198.51.100.9", "--hostname", "none")
    assert node("named08") == "198.51.100.8#0"
    listed = rows(shell.run("nodes", "list").out)
    assert listed[0][:3] == ["PK", "NODE", "HOST"]
    fit = shell.run("fit", "pytorch:2.4.1-cuda12.4-cudnn9-runtime", "--node", "named07#0").out
    assert "named07.example.net#0" in fit
    shell.run("nodes", "rm", "named07#0", "named07#1", "named08", "198.51.100.9", "-y")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("zone=a", [exact("labels.zone", "a")]),
        ("zone==a", [exact("labels.zone", "a")]),
        ("zone!=a", [exact("labels.zone", "a", invert=True)]),
        ("zone=", [exact("labels.zone", "")]),
        ("zone", [is_null("labels.zone", invert=True)]),
        ("!zone", [is_null("labels.zone")]),
        ("zone in (a,b),!x", [any_of(exact("labels.zone", "a"), exact("labels.zone", "b")), is_null("labels.x")]),
        ("example.org/rack notin (7)", [exact("labels.example.org/rack", "7", invert=True)]),
    ],
)
def test_selectors_are_those_of_kubectl(text: str, expected: list[object]) -> None:
    assert selected([text]) == expected


def test_labels_are_changed_one_by_one() -> None:
    assert label_changes(["zone=a,rack", "gpu.tier-"]) == {"zone": "a", "rack": "", "gpu.tier": None}


@pytest.mark.parametrize("text", ["", ",", "zone=a,zone-", "zone=a=b", "zone in a", "zone>1", "!"])
def test_what_is_no_label_is_refused(text: str) -> None:
    for read in (selected, label_changes):
        if (read, text) != (selected, "zone=a,zone-"):
            with pytest.raises(UsageError, match="--label"):
                read([text])
