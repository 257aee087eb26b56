"""`bayplan nodes` and `bayplan list`: nodes are listed, shown, added, changed and removed, and reference data listed."""

import json
import re
import shlex

import pytest

from bayplan.cli.options import size
from tests.cli.conftest import Shell
from tests.cli.test_images import rows


@pytest.fixture
def address(request: pytest.FixtureRequest) -> str:
    """An address of this test alone."""
    return f"{request.node.name.replace('_', '-')}.example.net"


def test_the_list_of_nodes(shell: Shell) -> None:
    head, *lines, total = rows(shell.run("nodes", "list").out)
    assert head == ["PK", "NODE", "GPU", "CC", "GENERATION", "DRIVER", "GPU MEM", "LAST SEEN"]
    by_node = {line[1]: line[2:] for line in lines}
    assert by_node["t4.example.org#0"] == ["Tesla T4", "7.5", "Turing", "525.147.05", "15 GiB", "never"]
    assert by_node["cpu.example.org#0"] == ["none", "-", "-", "-", "-", "never"]
    assert total == [f"{len(lines)} nodes"]


@pytest.mark.parametrize("columns", [80, 120])
def test_the_list_fits_a_terminal(shell: Shell, columns: int) -> None:
    plain = re.sub(r"\x1b\[[0-9;]*m", "", shell.at_terminal("nodes", "list", columns=columns).out)
    assert max(len(line) for line in plain.splitlines()) <= columns


def test_a_node_is_added_shown_edited_and_removed(shell: Shell, address: str) -> None:
    options = shlex.split(
        "--index 1 --driver 550.54.15 --cc 8.6 --gpu 'NVIDIA RTX A6000' --brand NvidiaRTX --gpu-mem 48GiB --cpu-mem 256GB "
        "--architecture amd64 --runtime-mode cdi --toolkit-version 1.17.0 --fabric-ready"
    )
    printed = shell.run("nodes", "add", address, *options).out
    confirmation = re.fullmatch(rf"Added {re.escape(address)}#1 as node (\d+)\.\n", printed)
    assert confirmation
    shown = shell.run("nodes", "show", address).out
    assert shell.run("nodes", "show", f"{address}#1").out == shown
    assert shell.run("nodes", "show", confirmation.group(1)).out == shown
    assert dict(line[:2] for line in rows(shown)) == {
        "node": f"{address}#1",
        "pk": confirmation.group(1),
        "gpu": "NVIDIA RTX A6000",
        "brand": "NvidiaRTX",
        "compute capability": "8.6",
        "generation": "Ampere",
        "driver": "550.54.15",
        "gpu memory": "48 GiB",
        "memory": "238 GiB",
        "architecture": "amd64",
        "container runtime": "cdi",
        "container toolkit": "1.17.0",
        "fabric ready": "yes",
        "last seen": "never",
    }
    printed = shell.run("nodes", "edit", address, "--driver", "570.86.10", "--runtime-mode", "none").out
    assert printed == f"Changed driver_version, runtime_mode of {address}#1.\n"
    assert json.loads(shell.run("nodes", "show", address, "--json").out)["runtime_mode"] is None
    assert shell.run("nodes", "rm", address, "--yes").out == f"Removed {address}#1.\n"
    assert shell.run("nodes", "show", address, code=1).err == (
        f"There is no node '{address}'; `bayplan nodes list` lists all nodes.\n"
    )


def test_an_address_with_several_nodes(shell: Shell) -> None:
    printed = shell.run("nodes", "show", "192.0.2.10", code=1).err
    gpu = "NVIDIA RTX A6000"
    assert printed == f"'192.0.2.10' has 2 nodes; say which: 192.0.2.10#0 ({gpu}), 192.0.2.10#1 ({gpu}).\n"
    assert "machine and index like 10.0.0.7#0 or gpu07#0" in shell.run("nodes", "show", "192.0.2.10#x", code=1).err


def test_what_the_server_refuses_is_a_sentence(shell: Shell, address: str) -> None:
    assert shell.run("nodes", "add", address, "--driver", "new", code=1).err.startswith(
        "--driver: 'new' is not a driver"
    )


@pytest.mark.parametrize(
    ("text", "size_bytes"),
    [("48GiB", 48 * 1024**3), ("48 GB", 48 * 10**9), ("1.5TiB", 1536 * 1024**3), ("51527024640", 51527024640)],
)
def test_sizes(text: str, size_bytes: int) -> None:
    assert size(text) == size_bytes


def test_reference_data_is_listed(shell: Shell) -> None:
    assert rows(shell.run("list", "domains").out)[0] == ["NAME", "DESCRIPTION"]
    assert ["od", "Object Detection"] in rows(shell.run("list", "domains").out)
    releases = [line[2] for line in rows(shell.run("list", "cuda").out)]
    assert releases.index("9.2.148") < releases.index("10.1.105") < releases.index("12.4.1")
    assert {"Ampere", "Rubin"} <= {line[1] for line in rows(shell.run("list", "hardware").out)}
    licences = json.loads(shell.run("list", "licences", "--json").out)
    assert next(licence for licence in licences if licence["name"].startswith("Apache"))["permissions"]
    assert "PyTorch" in shell.run("list", "frameworks").out
    assert (
        "RESOURCE takes cuda, hardware, frameworks, domains or licences, not 'nothing'."
        in shell.run("list", "nothing", code=2).err
    )


def test_a_short_name_finds_a_node(shell: Shell) -> None:
    assert json.loads(shell.run("nodes", "show", "t4", "--json").out)["ip"] == "t4.example.org"
    assert "t4.example.org#0" in shell.run("why", "pytorch:2.4.1-cuda12.4-cudnn9-runtime", "--node", "t4").out
    for ip in ("twin.a.example.net", "twin.b.example.net"):
        shell.run("nodes", "add", ip)
    error = shell.run("nodes", "show", "twin", code=1).err
    assert error == "'twin' has 2 nodes on 2 machines; say which: twin.a.example.net#0, twin.b.example.net#0.\n"
    assert "did you mean a100.example.org?" in shell.run("nodes", "show", "a1000.example.org", code=1).err
    shell.run("nodes", "rm", "twin.a", "-y")
    shell.run("nodes", "rm", "twin", "-y")


def test_a_list_by_gpu_generation_driver_and_silence(shell: Shell) -> None:
    def listed(*options: str) -> list[str]:
        return shell.run("nodes", "list", "-o", "name", *options).out.split()

    assert listed("--gpu", "tesla t4") == ["t4.example.org#0"]
    assert "a100.example.org#0" in listed("--generation", "ampere")
    assert "t4.example.org#0" in listed("--driver", "525")
    assert "t4.example.org#0" in listed("--driver", "<535")
    assert "t4.example.org#0" not in listed("--driver", ">=535")
    everything = listed()
    assert listed("--limit", "2") + listed("--limit", "2", "--offset", "2") == everything[:4]
    count = len(everything)
    ending = f"\n2 of {count} nodes; --offset 4 shows the next ones\n"
    assert shell.run("nodes", "list", "--limit", "2", "--offset", "2").out.endswith(ending)
    ending = f"\n{count - 2} of {count} nodes; a lower --offset shows the others\n"
    assert shell.run("nodes", "list", "--offset", "2").out.endswith(ending)
    assert shell.run("nodes", "list", "--limit", str(count)).out.endswith(f"\n{count} nodes\n")
    assert set(listed("--silent")) <= set(everything)
    assert "did you mean Ampere?" in shell.run("nodes", "list", "--generation", "Amper", code=1).err
    assert "a branch (535)" in shell.run("nodes", "list", "--driver", "new", code=1).err


def test_several_are_shown_below_each_other(shell: Shell) -> None:
    nodes = ("t4.example.org", "l4.example.org")
    shown = shell.run("nodes", "show", *nodes).out
    assert [part.split()[1] for part in shown.split("\n\n")] == [f"{node}#0" for node in nodes]
    assert [node["ip"] for node in json.loads(shell.run("nodes", "show", *nodes, "-o", "json").out)] == [*nodes]
    assert shell.run("nodes", "show", *nodes, "-o", "name").out == "".join(f"{node}#0\n" for node in nodes)
    images = ("pytorch:2.4.1-cuda12.4-cudnn9-runtime", "pytorch:2.7.1-cuda12.8-cudnn9-runtime")
    assert shell.run("images", "show", *images, "-o", "name").out.split() == [*images]


def test_driver_upgrades_by_kind_with_the_best_marked(shell: Shell) -> None:
    printed = shell.run("nodes", "upgrades", "--gpu", "A100").out
    assert re.search(
        r"^NVIDIA A100\S*, driver 535\.\S+, maintained until 2026-06-30 \(\d nodes?\)$", printed, re.MULTILINE
    )
    assert re.search(r"^580\.\S+ +long-term support +2028-06-30 +\d+ .*", printed, re.MULTILINE)
    assert printed.count(" best\n") == len(re.findall(r"^DRIVER ", printed, re.MULTILINE)) > 0
    answer = json.loads(shell.run("nodes", "upgrades", "--gpu", "A100", "--json").out)
    assert {kind["worker"]["gpu_name"] for kind in answer["kinds"]} == {"NVIDIA A100-SXM4-80GB"}
    assert shell.run("nodes", "upgrades", "--gpu", "A100", "-o", "name").out.startswith(("580.", "595.", "620"))
    assert "worth making" in shell.run("nodes", "upgrades", "--gpu", "nothing").out
