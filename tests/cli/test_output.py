"""The output of all commands: widths, words, times, and that no text of the server can steer a terminal."""

import json
import re
from datetime import UTC, datetime, timedelta

import pytest
import yaml
from rich.text import Text

from bayplan.cli import output
from bayplan.cli.options import OutputFormat
from bayplan.cli.output import Column
from bayplan.domain.reference import located
from tests.cli.conftest import Shell

COLUMNS = (Column("pk", right=True), Column("image", gives_way=True), Column("tasks", spare=2), Column("cuda", spare=1))
ROWS = [
    (7, "pytorch 2.4.1-cuda12.4-cudnn9-runtime", "train, predict", "12.4.1"),
    (12, "a name with [bold]brackets[/bold]", "train", None),
]


def drawn(capsys: pytest.CaptureFixture[str], *parts: Text) -> list[str]:
    """The lines of the table, in a pipe."""
    output.show(output.table(COLUMNS, ROWS), *parts)
    return capsys.readouterr().out.splitlines()


def test_a_pipe_has_a_line_for_each_row_however_long(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    assert drawn(capsys, Text("2 images")) == [
        "PK  IMAGE                                  TASKS           CUDA",
        " 7  pytorch 2.4.1-cuda12.4-cudnn9-runtime  train, predict  12.4.1",
        "12  a name with [bold]brackets[/bold]      train           -",
        "2 images",
    ]


def test_spare_columns_are_left_out_of_a_narrow_table(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "50")
    assert drawn(capsys) == [
        "PK  IMAGE                                  CUDA",
        " 7  pytorch 2.4.1-cuda12.4-cudnn9-runtime  12.4.1",
        "12  a name with [bold]brackets[/bold]      -",
    ]
    monkeypatch.setenv("COLUMNS", "33")
    assert drawn(capsys) == [
        "PK  IMAGE",
        " 7  pytorch",
        "    2.4.1-cuda12.4-cudnn9-runtime",
        "12  a name with",
        "    [bold]brackets[/bold]",
    ]


def test_where_the_first_columns_do_not_fit_the_fields_of_a_row_are_stacked(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "32")
    assert drawn(capsys)[:7] == [
        "pk     7",
        "image",
        "  pytorch",
        "  2.4.1-cuda12.4-cudnn9-runtime",
        "tasks  train, predict",
        "cuda   12.4.1",
        "",
    ]


def test_words() -> None:
    assert output.words(None) == "-"
    assert output.words(False) == "no"
    assert output.words(["train", "predict"]) == "train, predict"
    assert output.words("a\x1b[31mb\nc\x07") == "a\ufffd[31mb\ufffdc\ufffd"
    assert output.words("Ωmega [red]") == "Ωmega [red]"


def test_counts_and_sizes() -> None:
    assert output.count(1, "image") == "1 image"
    assert output.count(12345, "image") == "12,345 images"
    assert output.memory(51527024640) == "48 GiB"
    assert output.memory(None) == "-"


@pytest.mark.parametrize(
    ("before", "text"),
    [
        (timedelta(seconds=5), "just now"),
        (timedelta(seconds=61), "1 minute ago"),
        (timedelta(hours=5, minutes=3), "5 hours ago"),
        (timedelta(days=40), "40 days ago"),
    ],
)
def test_times(before: timedelta, text: str) -> None:
    timestamp = (datetime.now(UTC) - before).isoformat().replace("+00:00", "Z")
    assert output.ago(timestamp) == text
    assert output.ago(None) == "never"
    assert output.moment("2026-01-31T12:00:59.123456Z") == "2026-01-31 12:00 UTC"


def test_json_is_printed_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    answer = {"name": "Ωmega", "tasks": [], "pk": 7, "cpu": None}
    output.show_json(answer)
    printed = capsys.readouterr().out
    assert json.loads(printed) == answer
    assert "Ωmega" in printed


@pytest.mark.parametrize("width", ["1", "2", "5", "10", "19"])
def test_a_terminal_that_is_too_narrow_cuts_and_breaks_nothing(
    width: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", width)
    columns = (Column("pk", right=True), Column("image"), Column("notes", gives_way=True))
    output.show(
        output.table(columns, [(1234567, "pytorch 2.4.1", "a long note")]),
        output.fields([("server", "http://127.0.0.1:8000"), ("worker", "w-1")]),
        Text("2 images"),
    )
    text = capsys.readouterr().out
    assert text.split() == (
        [
            "pk",
            "1234567",
            "image",
            "pytorch",
            "2.4.1",
            "notes",
            "a",
            "long",
            "note",
            "server",
            "http://127.0.0.1:8000",
            "worker",
            "w-1",
            "2",
            "images",
        ]
    )


def test_wide_has_every_column_and_wraps_nothing(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "16")
    columns = (*COLUMNS, Column("url", wide=True))
    rows = [(*row, "docker.io/example/a-long-reference:1.0") for row in ROWS]
    output.render(rows, OutputFormat.WIDE, view=lambda rows: output.show(output.table(columns, rows)))
    head, first, _ = capsys.readouterr().out.splitlines()
    assert head.split() == ["PK", "IMAGE", "TASKS", "CUDA", "URL"]
    assert first.split("  ")[-1] == "docker.io/example/a-long-reference:1.0"
    output.render(rows, OutputFormat.TABLE, view=lambda rows: output.show(output.table(columns, rows)))
    assert "url" not in capsys.readouterr().out.lower()


NODE = "t4.example.org#0"


def test_lists_have_each_format(shell: Shell) -> None:
    rows = json.loads(shell.run("nodes", "list", "--json").out)
    assert json.loads(shell.run("nodes", "list", "-o=JSON").out) == rows  # as people type it for kubectl
    assert yaml.safe_load(shell.run("nodes", "list", "--output", "yaml").out) == rows
    names = [f"{row['ip']}#{row['index']}" for row in rows]
    assert shell.run("nodes", "list", "-o", "name").out.splitlines() == names
    assert shell.run("nodes", "list", "-q").out.splitlines() == names
    matches = json.loads(shell.run("match", "--node", NODE, "-o", "json").out)["matches"]
    references = [located(match["image"]["url"], match["image"]["registry"]).familiar for match in matches]
    assert shell.run("match", "--node", NODE, "--quiet").out.splitlines() == references
    image = "pytorch:2.4.1-cuda12.4-cudnn9-runtime"
    assert shell.run("images", "show", *image.split(":"), "-o", "name").out == f"{image}\n"


def test_quiet_prints_nothing_where_nothing_is_listed(shell: Shell) -> None:
    assert shell.run("nodes", "show", NODE, "-q").out == ""
    assert shell.run("nodes", "add", "quiet.example.org", "--driver", "550.54.15", "-q").out == ""
    assert (
        shell.run("nodes", "edit", "quiet.example.org", "--driver", "none", "-o", "name").out == "quiet.example.org#0\n"
    )
    assert "There is no node" in shell.run("nodes", "show", "nowhere.example.org", "-q", code=1).err


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ("-o xml", "-o xml: choose table, wide, json, yaml or name."),
        ("--output=jsonpath={.pk}", "-o jsonpath={.pk}: choose table, wide, json, yaml or name."),
        ("-o quiet", "-o quiet: choose table, wide, json, yaml or name."),
        ("--json -o yaml", "--json is -o json; leave out one of --json and -o yaml."),
        ("-q -o wide", "--quiet prints names or nothing; leave out --quiet or -o wide."),
    ],
)
def test_formats_that_there_are_not(stranger: Shell, arguments: str, sentence: str) -> None:
    assert sentence in stranger.run("nodes", "list", *arguments.split(), code=2).err


def test_what_has_no_names_says_so(shell: Shell) -> None:
    assert "-o name prints names, and these have none" in shell.run("history", "-o", "name", code=2).err


@pytest.mark.parametrize(
    "command",
    [
        "images list --limit 20",
        "images show pytorch:2.9.1-cuda13.0-cudnn9-runtime",
        "images facts pytorch:2.9.1-cuda13.0-cudnn9-runtime",
        "nodes list",
        "match --node t4.example.org --framework pytorch",
        "why pytorch:2.9.1-cuda13.0-cudnn9-runtime --node p100.example.org",
        "nodes upgrades",
        "list licences",
    ],
)
def test_no_word_is_broken_on_a_narrow_terminal(shell: Shell, command: str) -> None:
    whole = shell.run(*command.split(), "-o", "wide").out.lower().split()
    lines = re.sub(r"\x1b\[[0-9;]*m", "", shell.at_terminal(*command.split(), columns=60).out).lower().splitlines()
    assert [word for line in lines for word in line.split() if word not in whole] == []
    assert [line for line in lines if len(line) > 60 and len(line.split()) > 1] == []
