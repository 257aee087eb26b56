"""`bayplan match` and `bayplan why`: the answer, its reasons, and the summary where nothing runs."""

import json
import re

import pytest

from bayplan.client import Client
from tests.cli.conftest import Shell
from tests.cli.test_images import rows
from tests.process import Server

L4 = ("--driver", "535.183.01", "--cc", "8.9", "--gpu", "NVIDIA L4", "--brand", "Nvidia", "--architecture", "amd64")


def test_by_node_best_first(shell: Shell) -> None:
    printed = shell.run("match", "--node", "t4.example.org", "--framework", "pytorch>=2", "--limit", "4").out
    lines = printed.splitlines()
    assert lines[0] == "Node    t4.example.org#0, Tesla T4, compute capability 7.5, driver 525.147.05, amd64"
    assert re.fullmatch(r"Result  The best 4 that run here, of \d+ images considered:", lines[1])
    table = rows(printed)[3:8]
    assert table[0] == ["GRADE", "IMAGE", "FRAMEWORK", "CUDA", "NOTES", "REFERENCE"]
    assert len(table) == 5
    assert all(row[2].startswith("PyTorch 2.") for row in table[1:])


def test_by_a_node_that_options_describe(shell: Shell) -> None:
    printed = shell.run("match", *L4, "--task", "train", "--limit", "3").out
    assert printed.startswith("Node    NVIDIA L4, compute capability 8.9, driver 535.183.01, amd64\n")
    assert "native" in printed


def test_by_a_node_without_gpu(shell: Shell) -> None:
    printed = shell.run("match", "--cpu-only", "--task", "predict").out
    assert printed.startswith("Node    no GPU\n")
    assert {row[1] for row in rows(printed) if len(row) > 4 and row[1] in ("native", "minor", "cpu")} == {"cpu"}


def test_json_is_the_apis_own(server: Server, shell: Shell) -> None:
    printed = shell.run("match", *L4, "--task", "train", "--limit", "3", "--grade", "minor", "--explain", "--json").out
    with Client(server.url, token=server.token()) as bayplan:
        answer = bayplan.match(
            worker={
                "driver_version": "535.183.01",
                "compute_capability": "8.9",
                "gpu_name": "NVIDIA L4",
                "gpu_brand": "Nvidia",
                "architecture": "amd64",
            },
            task="train",
            limit=3,
            grades=["minor"],
            explain=True,
            credentials=False,
        )
    assert json.loads(printed) == answer
    assert {match["grade"] for match in answer["matches"]} == {"minor"}


def test_explain_shows_each_reason_once(shell: Shell) -> None:
    printed = shell.run("match", "--node", "p100.example.org", "--explain", "--limit", "100").out
    left_out = re.search(r"^(\d+) images? left out, and what decided it:$", printed, re.MULTILINE)
    assert left_out
    notes = re.findall(r"^ *(\d+)  [a-z]+  ([a-z_]+) \((\d+) images?\)$", printed, re.MULTILINE)
    assert [int(number) for number, _, _ in notes] == list(range(1, len(notes) + 1))
    assert "gpu_not_in_build" in {code for _, code, _ in notes}
    assert sum(row[0] in ("no", "jit", "unknown") for row in rows(printed)) == int(left_out.group(1))


def test_where_nothing_runs_it_says_what_stands_in_the_way(shell: Shell) -> None:
    printed = shell.run(
        "match", "--driver", "304.137", "--cc", "3.0", "--architecture", "amd64", "--grade", "native"
    ).out
    assert re.search(r"^Result  None of \d+ images runs here\.$", printed, re.MULTILINE)
    head, *lines = rows(printed)[3:]
    assert head == ["IMAGES", "WHAT STANDS IN THE WAY", "THE CHANGE"]
    assert [int(line[0]) for line in lines] == sorted((int(line[0]) for line in lines), reverse=True)


def test_a_gpu_by_its_name(shell: Shell) -> None:
    by_name = shell.run("match", "--driver", "580.65.06", "--gpu", "4090", "--architecture", "amd64").out
    assert "4090, driver 580.65.06, amd64" in by_name
    assert "native" in {row[1] for row in rows(by_name) if len(row) > 4}
    alone = shell.run("match", "--gpu", "a100").out
    assert "a100, driver not known" in alone
    assert "cpu" not in {row[0] for row in rows(alone) if "cuda" in " ".join(row).lower()}
    assert "write it as 8.9." in shell.run("match", "--driver", "580.65.06", "--cc", "89", code=1).err


def test_a_task_that_no_image_has(shell: Shell) -> None:
    assert (
        "No image in the catalogue has the task 'juggle'. Images in the catalogue have the tasks export, predict, train."
        in shell.run("match", "--cpu-only", "--task", "juggle", code=1).err
    )
    assert "did you mean predict?" in shell.run("match", *L4, "--task", "pedict", "--json", code=1).err


@pytest.mark.parametrize("spec", ["torch", "PyTorch 2", "pytorch>=2,<3"])
def test_a_framework_by_each_spelling(shell: Shell, spec: str) -> None:
    answer = json.loads(shell.run("match", *L4, "--framework", spec, "--limit", "100", "--json").out)
    names = {match["image"]["name"] for match in answer["matches"]}
    assert "pytorch" in names
    assert not names & {"nvidia-cuda", "vllm-openai"}


def test_a_framework_that_there_is_not(shell: Shell) -> None:
    assert "did you mean PyTorch?" in shell.run("match", *L4, "--framework", "pytroch>=2", code=1).err
    error = shell.run("match", *L4, "--framework", "vllm>=99", code=1).err
    assert (
        error
        == "No image in the catalogue has the framework 'vllm>=99'. Images in the catalogue have the frameworks vLLM 0.9.2, vLLM 0.11.0.\n"
    )


def test_without_a_framework_the_best_of_each(shell: Shell) -> None:
    printed = shell.run("match", *L4, "--limit", "2").out
    assert re.search(
        r"^Result  The best 2 of each of \d+ frameworks, of \d+ images considered:$", printed, re.MULTILINE
    )
    head, *lines = rows(printed)[3 : rows(printed).index([""], 4)]
    assert head[:3] == ["FRAMEWORK", "GRADE", "IMAGE"]
    families = [line[0].split()[0] for line in lines]
    assert families == sorted(families, key=families.index)  # grouped
    assert max(families.count(family) for family in families) == 2
    first = [lines[families.index(family)][1] for family in dict.fromkeys(families)]
    assert first == sorted(first, key=["native", "minor", "forward", "cpu"].index)
    assert all(re.fullmatch(r"\S+/\S+:\S+", line[-1]) for line in lines)


def test_what_the_server_refuses_is_a_sentence(shell: Shell) -> None:
    assert "not a version specifier" in shell.run("match", *L4, "--framework", "pytorch>>2", code=1).err
    assert "grade" in shell.run("match", *L4, "--grade", "good", code=1).err


@pytest.mark.parametrize("columns", [80, 120])
def test_the_answer_fits_a_terminal_in_colour(shell: Shell, columns: int) -> None:
    printed = shell.at_terminal("match", *L4, "--explain", columns=columns).out
    assert "\x1b[1;32mnative" in printed
    assert "\x1b[1;31mno" in printed
    plain = re.sub(r"\x1b\[[0-9;]*m", "", printed)
    too_long = [line for line in plain.splitlines() if len(line) > columns]
    assert [line for line in too_long if len(line.split()) > 1] == [], (
        "only a name that is longer than that stays whole"
    )


def test_why_an_image_does_not_run(shell: Shell) -> None:
    printed = shell.run("why", "pytorch:2.9.1-cuda13.0-cudnn9-runtime", "--node", "p100.example.org").out
    lines = printed.splitlines()
    assert lines[0] == "Image  pytorch 2.9.1-cuda13.0-cudnn9-runtime, PyTorch 2.9.1, CUDA 13.0.3"
    assert lines[1].startswith("Node   p100.example.org#0, Tesla P100")
    assert lines[3] == "no  It will not run."
    assert "  no  driver_too_old" in lines
    assert re.search(r"^  Needed: .*\. Found: 535\.183\.01\.$", printed, re.MULTILINE)
    assert re.search(r"^  -> ", printed, re.MULTILINE)
    assert "docker run" not in printed


def test_why_an_image_runs(shell: Shell) -> None:
    printed = shell.run("why", "pytorch", "2.4.1-cuda12.4-cudnn9-runtime", *L4).out
    assert "minor  It runs, by the minor-version compatibility of its CUDA family." in printed
    assert printed.splitlines()[-1] == "docker run --rm -it --gpus all pytorch/pytorch:2.4.1-cuda12.4-cudnn9-runtime"
    on_node = shell.run("why", "pytorch", "2.4.1-cuda12.4-cudnn9-runtime", "--node", "t4.example.org").out
    assert "\ndocker run --rm -it --gpus device=0 pytorch/pytorch:2.4.1-cuda12.4-cudnn9-runtime\n" in on_node


def test_why_as_json(shell: Shell) -> None:
    verdict = json.loads(shell.run("why", "vllm-openai:v0.11.0", "--cpu-only", "--json").out)
    assert verdict["grade"] == "no"
    assert verdict["image"]["name"] == "vllm-openai"
    assert [reason["code"] for reason in verdict["reasons"]] == ["needs_gpu"]


def test_why_of_a_deleted_image(shell: Shell) -> None:
    options = [
        "--url",
        "example.org/gone:1",
        "--registry",
        "example.org",
        "--cpu",
        "--domain",
        "od",
        "--task",
        "train",
        "--licence",
        "MIT",
    ]
    added = json.loads(shell.run("images", "add", "gone", "1", *options, "--framework", "PyTorch 2.4.1", "--json").out)
    shell.run("images", "rm", "gone", "-y")
    assert "deleted" in shell.run("why", str(added["pk"]), "--cpu-only").out


@pytest.mark.parametrize(
    ("worker", "grade", "code"),
    [
        (("--driver", "580.126.20", "--cc", "8.9"), "native", 0),
        (("--driver", "580.65.06", "--cc", "8.9"), "minor", 0),
        (("--cc", "8.9"), "unknown", 4),
        (("--driver", "470.57.02", "--cc", "6.0"), "no", 3),
    ],
)
def test_the_exit_code_is_the_verdict_where_it_is_asked_for(
    shell: Shell, worker: tuple[str, ...], grade: str, code: int
) -> None:
    printed = shell.run("why", "pytorch:2.9.1-cuda13.0-cudnn9-runtime", *worker, "--exit-code", "--json", code=code).out
    assert json.loads(printed)["grade"] == grade


def test_the_head_of_an_answer_fits_a_narrow_terminal(shell: Shell) -> None:
    command = ("why", "nvidia-cuda:12.4.1-cudnn-runtime-ubuntu22.04", "--node", "v100.example.org")
    printed = re.sub(r"\x1b\[[0-9;]*m", "", shell.at_terminal(*command).out)
    image, node, more = (line.rstrip() for line in printed.splitlines()[:3])
    assert image == "Image  nvidia-cuda 12.4.1-cudnn-runtime-ubuntu22.04, CUDA 12.4.1"
    assert node.startswith("Node   v100.example.org#0, Tesla V100")
    assert more == "       470.57.02, amd64"


def test_fit_shows_all_nodes_by_kind(shell: Shell) -> None:
    image = "pytorch:2.9.1-cuda13.0-cudnn9-runtime"
    printed = shell.run("fit", image).out
    head = printed.splitlines()
    assert head[0] == "Image   pytorch 2.9.1-cuda13.0-cudnn9-runtime"
    running, nodes = map(int, re.fullmatch(r"Result  It runs on (\d+) of (\d+) nodes\.", head[1]).groups())  # type: ignore[union-attr]  # fails where it does not match
    table = rows(printed)[4 : rows(printed).index([""], 4)]
    assert rows(printed)[3] == ["GRADE", "NODES", "GPU", "DRIVER", "ARCH", "NAMES", "NOTES"]
    assert sum(int(row[1]) for row in table) == nodes
    grades = [row[0] for row in table]
    assert grades == sorted(grades, key=["native", "minor", "forward", "cpu", "jit", "unknown", "no"].index)
    assert any("p100.example.org#0" in row for row in table if row[0] == "no")
    assert "driver_too_old" in printed
    names = shell.run("fit", image, "-o", "name").out.split()
    assert len(names) == running
    assert len(shell.run("fit", image, "--driver", "580.65.06", "-o", "name").out.split()) > running


def test_another_driver_for_a_node(shell: Shell) -> None:
    node = ("--node", "t4.example.org")
    as_it_is = json.loads(shell.run("why", "pytorch:2.8.0-cuda12.9-cudnn9-runtime", *node, "--json").out)
    newer = json.loads(
        shell.run("why", "pytorch:2.8.0-cuda12.9-cudnn9-runtime", *node, "--driver", "580.65.06", "--json").out
    )
    assert (as_it_is["grade"], newer["grade"]) == ("minor", "native")
    assert "driver 580.65.06" in shell.run("match", *node, "--driver", "580.65.06", "--framework", "torch").out
    fits = json.loads(
        shell.run("fit", "pytorch:2.8.0-cuda12.9-cudnn9-runtime", *node, "--driver", "580.65.06", "--json").out
    )
    assert [(kind["grade"], len(kind["nodes"])) for kind in fits["kinds"]] == [("native", 1)]
