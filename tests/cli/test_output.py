"""The output of all commands: widths, words, times, and that no text of the server can steer a terminal."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from rich.text import Text

from bayplan.cli import output
from bayplan.cli.output import Column

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
    monkeypatch.setenv("COLUMNS", "16")
    lines = drawn(capsys)
    assert lines[0] == "PK  IMAGE"
    assert max(map(len, lines)) <= 16
    assert "pytorch" in lines[1]


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
def test_a_terminal_that_is_too_narrow_cuts_nothing(
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
    assert "1234567  pytorch 2.4.1  a long" in text
    assert "".join(text.split()).endswith("serverhttp://127.0.0.1:8000workerw-12images")
