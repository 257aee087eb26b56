"""`bayplan matrix`: every image on every node, in a terminal of any width and as a file."""

import json
import re
from xml.etree import ElementTree

from bayplan.client import Client
from tests.cli.conftest import Shell
from tests.process import Server

VLLM = ("matrix", "--framework", "vllm", "--gpu", "NVIDIA")
COLOURED = re.compile(r"\x1b\[[0-9;]*m")


def test_a_table_with_totals_kinds_and_a_legend(shell: Shell) -> None:
    first = shell.run(*VLLM, "--driver", "535").out.splitlines()[0]
    assert first == "Result  2 images in 1 group on 4 nodes of 3 kinds. 1 node runs no image."
    printed = shell.run(*VLLM).out
    assert re.search(r"^IMAGES OF +IMAGES +RUNS ON +1 +2 +3", printed, re.MULTILINE)
    assert re.search(r"^vLLM 0\.11\.0, 0\.9\.2, CUDA 12\.8\.1 +2 +\d+ of \d+ ", printed, re.MULTILINE)
    assert re.search(r"^images that run +2 .*! none", printed, re.MULTILINE)
    assert re.search(r"^ *\d+  NVIDIA GeForce RTX 5090, driver \S+ \(1 node\)  ! no image runs here$", printed, re.MULTILINE)  # fmt: skip
    assert re.search(r"^✔ native +runs$", printed, re.MULTILINE)


def test_on_a_terminal_it_fits_with_whole_names_and_says_what_it_left_out(shell: Shell) -> None:
    for columns in (60, 80, 120, 200):
        printed = COLOURED.sub("", shell.at_terminal("matrix", "--name", "vllm", columns=columns).out)
        assert max(map(len, printed.splitlines())) <= columns
        assert "NVIDIA A100-SXM4-80GB, driver 535.104.05" in re.sub(r"\s+", " ", printed) or "more kinds" in printed
        numbered = len(re.findall(r"^ *\d+  \S", printed, re.MULTILINE))
        more = re.search(r"^(\d+) more kinds? with", printed, re.MULTILINE)
        assert numbered + int(more.group(1) if more else 0) == 15
        assert bool(more) == (columns in (80, 120))
    narrow = COLOURED.sub("", shell.at_terminal("matrix", "--name", "vllm", columns=60).out)
    assert re.search(r"^✗ no +1, 2, 5, ", narrow, re.MULTILINE)


def test_signs_words_and_colours(shell: Shell) -> None:
    coloured = shell.at_terminal(*VLLM, columns=200).out
    assert "\x1b[1;32m✔ native" in coloured
    assert "\x1b[1;31m✗ no" in coloured


def test_files_for_other_programs(shell: Shell, server: Server) -> None:
    assert ElementTree.fromstring(shell.run(*VLLM, "-o", "svg").out).get("role") == "img"  # our own
    assert shell.run(*VLLM, "-o", "csv").out.startswith("group,needs,images,runs on nodes,")
    assert "| :--- | ---: | --- |" in shell.run(*VLLM, "-o", "markdown").out
    with Client(server.url, token=server.token()) as client:
        answer = client.matrix()
    assert json.loads(shell.run("matrix", "--json").out) == answer
    assert shell.run("matrix", "-q").out == ""
    wrong = shell.run("matrix", "-o", "png", code=2).err
    assert "choose table, wide, json, yaml, name, csv, markdown or svg" in wrong
    assert "choose table, wide, json, yaml or name" in shell.run("nodes", "list", "-o", "csv", code=2).err


def test_names_that_there_are_not_lead_to_the_nearest(shell: Shell) -> None:
    assert "train" in shell.run("matrix", "--task", "trian", code=1).err
    assert "PyTorch" in shell.run("matrix", "--framework", "pytorhc", code=1).err
    assert "There are no nodes to show" in shell.run("matrix", "--gpu", "no such").out
