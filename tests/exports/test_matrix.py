"""The matrix as a picture, a spreadsheet and a page of a wiki: totals, marks, and names that are text and nothing else."""

import csv
import io
import re
from itertools import pairwise
from typing import Any
from xml.etree import ElementTree

import pytest

from bayplan.domain.compatibility.node import Node
from bayplan.domain.compatibility.node_facts import facts_of
from bayplan.exports.matrix_csv import matrix_csv
from bayplan.exports.matrix_markdown import matrix_markdown
from bayplan.exports.matrix_picture import MEANINGS, SIGNS, MatrixPicture, PicturedImage, kind_titles, picture
from bayplan.exports.matrix_svg import matrix_svg
from bayplan.schemas.matrix import MatrixAnswer

SVG = "{http://www.w3.org/2000/svg}"
HOSTILE = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "a | b\n| --- |\n`code` **bold** [link](javascript:alert(1)) &amp;",
    "\u202eevil\u2066 \x1b[31mred\x07\x00",
    '=HYPERLINK("http://evil.example","x")',
    "\t=1+1",
    "+1",
    "-1",
    "@SUM(A1)",
    "\uff1d1",
    "]]> <!-- -->",
    "x" * 200,
)


def worker(**facts: Any) -> dict[str, Any]:
    return facts_of(Node(**facts))


A6000 = worker(driver_version="550.54.15", gpu_name="NVIDIA RTX A6000", architecture="amd64")
ANSWER: MatrixAnswer = {
    "version": 7,
    "kinds": [
        {"kind": "k1", "worker": A6000, "nodes": [1, 2, 3]},
        {"kind": "k2", "worker": A6000 | {"toolkit_version": "1.17.8"}, "nodes": [4]},
        {"kind": "k3", "worker": worker(architecture="amd64"), "nodes": [5]},
    ],
    "groups": [
        {"group": "g1", "images": [1, 2]},
        {"group": "g2", "images": [3]},
        {"group": "g3", "images": [4]},
    ],
    "verdicts": [
        {"group": "g1", "kind": "k1", "grade": "native", "codes": []},
        {"group": "g2", "kind": "k1", "grade": "minor", "codes": ["driver_too_old", "end_of_life", "end_of_life"]},
        {"group": "g3", "kind": "k1", "grade": "no", "codes": ["withdrawn"]},
        {"group": "g1", "kind": "k2", "grade": "unknown", "codes": ["fact_missing"]},
        {"group": "g2", "kind": "k2", "grade": "jit", "codes": ["gpu_newer_than_cuda"]},
        {"group": "g3", "kind": "k2", "grade": "forward", "codes": []},
        {"group": "g1", "kind": "k3", "grade": "no", "codes": ["needs_gpu"]},
        {"group": "g2", "kind": "k3", "grade": "no", "codes": ["needs_gpu"]},
        {"group": "g3", "kind": "k3", "grade": "no", "codes": ["needs_gpu"]},
    ],
}
IMAGES = {
    1: PicturedImage("torch:2.4", "PyTorch 2.4", "12.4.1"),
    2: PicturedImage("torch:2.5", "PyTorch 2.5", "12.4.1"),
    3: PicturedImage("jax:1", "JAX 0.4", None),
    4: PicturedImage("jax:2", "JAX 0.4", None),
}


def pictured(images: dict[int, PicturedImage] | None = None) -> MatrixPicture:
    return picture(ANSWER, IMAGES if images is None else images)


def hostile(text: str) -> MatrixPicture:
    """The picture in which every name is that text."""
    kinds = ANSWER["kinds"]
    for_all: MatrixAnswer = {
        **ANSWER,
        "kinds": [{**kind, "worker": kind["worker"] | {"gpu_name": text}} for kind in kinds],
    }
    return picture(for_all, {pk: PicturedImage(text, text, text) for pk in IMAGES})


def test_titles_totals_and_what_is_stranded() -> None:
    shown = pictured()
    titles = [row.title for row in shown.rows]
    assert titles == ["PyTorch 2.4, 2.5, CUDA 12.4.1", "JAX 0.4, no CUDA (jax:1)", "JAX 0.4, no CUDA (jax:2)"]
    assert [column.label for column in shown.columns] == [
        "NVIDIA RTX A6000, driver 550.54.15 (3 nodes)",
        "NVIDIA RTX A6000, driver 550.54.15 (toolkit 1.17.8) (1 node)",
        "no GPU (1 node)",
    ]
    assert [(row.images, row.nodes) for row in shown.rows] == [(2, 3), (1, 3), (1, 1)]
    assert [column.images for column in shown.columns] == [3, 1, 0]
    assert [column.is_stranded for column in shown.columns] == [False, False, True]
    assert shown.rows[1].cells[0].reasons == "minor: driver_too_old, end_of_life"
    assert shown.summary == "4 images in 3 groups on 5 nodes of 3 kinds. 1 node runs no image."
    assert [row.title for row in pictured({}).rows] == [
        "unknown, no CUDA (image 1, image 2)",
        "unknown, no CUDA (image 3)",
        "unknown, no CUDA (image 4)",
    ]


def test_titles_that_nothing_tells_apart_are_numbered() -> None:
    shown = picture(ANSWER, dict.fromkeys(IMAGES, PicturedImage("same:1", "PyTorch 2.4", "12.4.1")))
    assert [row.title.rpartition(" ")[2] for row in shown.rows[1:]] == ["[1]", "[2]"]


def test_what_tells_kinds_apart_is_written_as_people_read_it() -> None:
    a6000 = [A6000 | {"gpu_mem": 51527024640, "wsl": True}, A6000 | {"gpu_mem": 48 << 30, "wsl": False}]
    assert [title.partition("(")[2] for title in kind_titles(a6000)] == [
        "memory 49,140 MiB, WSL: yes)",
        "memory 49,152 MiB, WSL: no)",
    ]


def test_csv_is_read_back_by_a_spreadsheet() -> None:
    head, *rows, totals = csv.reader(io.StringIO(matrix_csv(pictured()), newline=""))
    assert head[:4] == ["group", "needs", "images", "runs on nodes"]
    assert rows[0] == ["g1", "PyTorch 2.4, 2.5, CUDA 12.4.1", "2", "3", "native", "unknown: fact_missing", "no: needs_gpu"]  # fmt: skip
    assert totals == ["", "images that run", "4", "5", "3", "1", "0"]


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_names_are_harmless(text: str) -> None:
    shown = hostile(text)
    rows = list(csv.reader(io.StringIO(matrix_csv(shown), newline="")))
    assert {len(row) for row in rows} == {7}
    for cell in (cell for row in rows for cell in row):
        assert not re.match(r"\s*[=+\-@\uff1d\uff0b\uff0d\uff20\t\r]", cell), cell
        assert cell.isprintable()
    lines = matrix_markdown(shown).splitlines()
    table = [line for line in lines if line.startswith("|")]
    assert {len(re.findall(r"(?<!\\)\|", line)) for line in table} == {6}
    assert not re.search(r"(?<!\\)[`\[]|<(?!br>)|\x1b|\u202e", "".join(table))
    root = ElementTree.fromstring(matrix_svg(shown))  # our own, and XML that is none fails the test
    assert {element.tag.removeprefix(SVG) for element in root.iter()} == {
        *("svg", "title", "desc", "style", "defs", "g", "rect", "text", "use"),
    }
    assert not [name for element in root.iter() for name in element.attrib if name.startswith("on")]
    texts = [
        element.text or "" for element in root.iter() if element.tag in (f"{SVG}title", f"{SVG}desc", f"{SVG}text")
    ]
    assert "".join(texts).isprintable()


def test_the_picture_has_every_cell_words_for_screen_readers_and_reasons_for_the_pointer() -> None:
    root = ElementTree.fromstring(matrix_svg(pictured()))  # our own
    assert (root.get("role"), root.get("aria-labelledby")) == ("img", "title description")
    by_id = {element.get("id"): element for element in root.iter() if element.get("id")}
    assert by_id["title"].text == "Which image runs on which node"
    assert "No image runs on: no GPU." in (by_id["description"].text or "")
    cells = [by_id[(use.get("href") or "").removeprefix("#")] for use in root.iter(f"{SVG}use")]
    assert len(cells) == 9
    expected = {cell.reasons: cell.text for row in pictured().rows for cell in row.cells}
    assert {(cell.findtext(f"{SVG}title") or ""): cell.findtext(f"{SVG}text") for cell in cells} == expected
    words = " ".join(text.text or "" for text in root.iter(f"{SVG}text"))
    assert all(f"{grade}: {MEANINGS[grade]}" in words for grade in pictured().grades)
    places = sorted({int(use.get("x") or 0) for use in root.iter(f"{SVG}use")})
    assert len({after - before for before, after in pairwise(places)}) == 1


def luminance(colour: str) -> float:
    """The relative luminance (WCAG 2.2)."""
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def test_every_colour_can_be_read_in_light_and_dark() -> None:
    style = ElementTree.fromstring(matrix_svg(pictured())).findtext(f"{SVG}style") or ""  # our own
    light, _, dark = style.partition("@media (prefers-color-scheme: dark){")
    assert light
    assert dark
    for part in (light, dark):
        fills = dict(re.findall(r"([.\w-]+)\{fill:(#[0-9a-f]{6})", part))
        pairs = [(fills[f".{grade}"], fills[f".{grade}-text"]) for grade in SIGNS]
        pairs += [(fills[".page"], fills["text"]), (fills[".page"], fills[".stranded"])]
        for background, letters in pairs:
            darker, lighter = sorted((luminance(background), luminance(letters)))
            assert (lighter + 0.05) / (darker + 0.05) >= 4.5, (background, letters)


def test_an_empty_matrix_has_files_too() -> None:
    empty = picture({"version": 1, "kinds": [], "groups": [], "verdicts": []}, {})
    assert empty.summary == "0 images in 0 groups on 0 nodes of 0 kinds."
    assert len(list(csv.reader(io.StringIO(matrix_csv(empty), newline="")))) == 2
    assert ElementTree.fromstring(matrix_svg(empty)).tag == f"{SVG}svg"  # our own
    assert matrix_markdown(empty).startswith(empty.summary)
