"""Catalogue files: they are read, mistakes are refused with their line, and a written file reads back."""

import json
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bayplan.cli.document.node import MAX_VALUES, scalar
from bayplan.cli.document.read import read
from bayplan.cli.document.write import as_yaml, data_as_yaml
from bayplan.errors import Conflict, Invalid, Problem
from bayplan.schemas.catalogue import Document
from bayplan.schemas.common import Body, Count
from bayplan.schemas.nodes import NodeCreate
from tests.quick import quickest

ALL = "cuda, hardware, domains, licences, frameworks, images, nodes, prefetch, users"
YAML = """\
frameworks:
- {name: PyTorch, version: "2.4"}

images:
- name: pytorch
  version: "2.4.1"   # the newest
  cpu: false
  tasks: [train, predict]
  facts:
    end_of_life: 2027-01-31
- name: no
  version: 'yes'
"""


def lines(name: str, text: str) -> list[str]:
    """The lines of the error for a text that the reader refuses."""
    with pytest.raises(Invalid) as refused:
        read(name, text)
    return refused.value.detail.splitlines()


def test_yaml_is_read_as_it_is_meant() -> None:
    assert read("catalogue.yaml", YAML).content() == {
        "frameworks": [{"name": "PyTorch", "version": "2.4"}],
        "images": [
            {
                "name": "pytorch",
                "version": "2.4.1",
                "cpu": False,
                "tasks": ["train", "predict"],
                "facts": {"end_of_life": "2027-01-31"},
            },
            {"name": "no", "version": "yes"},
        ],
    }


@pytest.mark.parametrize(
    "text",
    [
        "{}---\n",
        "{}...\n---\n",
        "---\n{}---\n---\n",
        "# a comment\n---\n# another\n---\n{}---\n# the last\n...\n",
        "\n---\n...\n---\n{}...\n",
        "--- null\n---\n{}--- ~\n---\n{{}}\n",
        "{}...\n%YAML 1.2\n---\n",
        "---\r\n---\r\n{}---\r\n",
    ],
)
@pytest.mark.parametrize("document", ["images: []\n", '{{"images": []}}\n'])
@pytest.mark.parametrize("name", ["a.yaml", "<stdin>"])
def test_empty_documents_do_not_count(text: str, document: str, name: str) -> None:
    assert read(name, text.format(document.format())).content() == {"images": []}


@pytest.mark.parametrize(
    "text", ["", "\n", "# a comment\n", "---\n", "---\n---\n", "---\n...\n---\n# none\n", "null\n---\n"]
)
def test_a_file_of_empty_documents_alone_has_no_section(text: str) -> None:
    with pytest.raises(Invalid, match=r"^a\.yaml:1: file: It must hold one or more of the sections"):
        read("a.yaml", text)


@pytest.mark.parametrize("indent", [None, 2, "\t"])
def test_json_is_read_however_it_is_indented(indent: int | str | None) -> None:
    content = read("catalogue.yaml", YAML).content()
    text = json.dumps(content, indent=indent)
    assert read("catalogue.json", text).content() == content
    assert read("<stdin>", text).content() == content


def test_a_byte_order_and_windows_lines_do_not_matter() -> None:
    assert read("a.yaml", YAML.replace("\n", "\r\n")).content() == read("a.yaml", YAML).content()


def test_aliases_and_merge_keys() -> None:
    text = (
        "images:\n- &base {domain: od, cpu: false, tasks: &both [train, predict]}\n- {<<: *base, name: b, cpu: true}\n"
    )
    first, second = read("a.yaml", text).content()["images"]
    assert first == {"domain": "od", "cpu": False, "tasks": ["train", "predict"]}
    assert second == {"name": "b", "domain": "od", "cpu": True, "tasks": ["train", "predict"]}


@pytest.mark.parametrize(
    ("path", "line"),
    [
        ("images.0.version", 6),
        ("images.0.tasks.1", 8),
        ("images.0.facts.end_of_life", 10),
        ("images.1", 11),
        ("images.1.url", 11),  # not there: the entry that it is missing from
        ("images.7.url", 4),
        ("frameworks.0.version", 2),
        ("nodes", 1),
        ("", 1),
    ],
)
def test_a_path_in_the_servers_answer_is_a_line_of_the_file(path: str, line: int) -> None:
    document = read("catalogue.yaml", YAML)
    located = document.located(Conflict("One thing is wrong.", problems=[Problem(path, "x", "It is wrong.")]))
    assert isinstance(located, Conflict)
    assert located.detail == f"catalogue.yaml:{line}: {path}: It is wrong."


def test_many_problems_come_in_the_order_of_the_lines_and_not_without_end() -> None:
    document = read("a.yaml", "images:\n" + "- {name: a}\n" * 30)
    problems = [Problem(f"images.{number}.name", "x", "It is wrong.") for number in reversed(range(30))]
    located = document.located(Invalid("Much is wrong.", problems=problems)).detail.splitlines()
    assert located[0] == "a.yaml:2: images.0.name: It is wrong."
    assert located[-1] == "And 10 more."
    assert len(located) == 21


@pytest.mark.parametrize(
    ("entry", "error"),
    [
        ("version: 2.40", 'images.0.version: Write it in quotes, "2.40": without them it is a number, not text.'),
        ("cuda_version: 12", 'images.0.cuda_version: Write it in quotes, "12": without them it is a number, not text.'),
        ("version: 1e3", 'images.0.version: Write it in quotes, "1e3": without them it is a number, not text.'),
        ("name: true", 'images.0.name: Write it in quotes, "true": without them it is true or false, not text.'),
        ("tasks: [1]", 'images.0.tasks.0: Write it in quotes, "1": without them it is a number, not text.'),
        ("cpu: yes", "images.0.cpu: Write true or false in place of 'yes'."),
        ("cpu: 'true'", "images.0.cpu: Write true or false in place of 'true'."),
        (
            "facts: {min_driver: 570.0}",
            'images.0.facts.min_driver: Write it in quotes, "570.0": without them it is a number, not text.',
        ),
    ],
)
def test_a_value_that_yaml_takes_for_another_type_is_refused(entry: str, error: str) -> None:
    assert lines("a.yaml", f"images:\n- {entry}\n") == [f"a.yaml:2: {error}"]


def test_all_such_mistakes_are_in_one_error() -> None:
    errors = lines("a.yaml", "images:\n- version: 2.4\n- cpu: no\nnodes:\n- ip: 10\n  index: 0\n  gpu_mem: 5\n")
    assert [line.split(":")[1] for line in errors] == ["2", "3", "5"]


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("", f"a.yaml:1: file: It must hold one or more of the sections {ALL}."),
        ("- a\n", f"a.yaml:1: file: It must hold one or more of the sections {ALL}."),
        (
            "images: []\nimage: []\n",
            "a.yaml:2: image: There is no section 'image'; did you mean images?",
        ),
        ("apiVersion: v1\n", f"a.yaml:1: apiVersion: There is no section 'apiVersion'; there are {ALL}."),
        ("images: {a: b}\n", "a.yaml:1: images: images must be a list; begin each entry with a hyphen."),
        ("images:\n- a\n", "a.yaml:2: images.0: An entry must be a mapping of fields, like `name: pytorch`."),
        ("images:\n- name: a\n  name: b\n", "a.yaml:3:3: 'name' was given already on line 2."),
        ("images: []\n\nimages: []\n", "a.yaml:3:1: 'images' was given already on line 1."),
        ("images:\n\t- a\n", "a.yaml:2:1: This is not YAML: found character that cannot start any token."),
        ("images:\n- url: a: b\n", "a.yaml:2:9: This is not YAML: mapping values are not allowed in this context."),
        ("images: [*x]\n", "a.yaml:1:10: *x is the name of nothing before this line; name it with &x."),
        ("images: &x [*x]\n", "a.yaml:1:13: *x stands inside of what it names, so it would never end."),
        ("images: []\n---\nnodes: []\n", "a.yaml:2:1: A second document begins here; one file holds one."),
        ("---\nimages: []\n---\n---\n[]\n", "a.yaml:4:1: A second document begins here; one file holds one."),
        ('--- ""\n---\nimages: []\n', "a.yaml:2:1: A second document begins here; one file holds one."),
        ("images: [&x a]\n---\n*x\n", "a.yaml:3:1: *x is the name of nothing before this line; name it with &x."),
        ("images:\n- <<: 5\n", "a.yaml:2:7: << takes a mapping, as in `<<: *name`."),
        ("images:\n- ? [a]\n  : b\n", "a.yaml:2:5: A list or a mapping cannot be a key here."),
        ("images: " + "[" * 100_000, "a.yaml:1:88: This is nested more than 80 levels deep."),
        (
            "images:\n- !!python/tuple [id]\n",
            "a.yaml:2:3: The tag tag:yaml.org,2002:python/tuple is not read here; write the plain list or mapping.",
        ),
    ],
)
def test_a_mistake_in_yaml_has_its_line(text: str, error: str) -> None:
    assert lines("a.yaml", text) == [error]


def test_a_control_character_has_its_line() -> None:
    (error,) = lines("a.yaml", "images:\n- name: é\x00\n")
    assert error.startswith("a.yaml:2:10: This is not YAML: ")


@pytest.mark.parametrize(
    ("text", "error"),
    [
        (
            '{"images": [\n  {"name": "a",\n   "version": 2.40}]}',
            'a.json:3: images.0.version: Write it in quotes, "2.40"',
        ),
        ('{"images": [\n{"name": "a" "b"}]}', "a.json:2:14: This is not JSON: A comma or } is missing here."),
        ('{"images": [\n{"name": "a", "name": "b"}]}', "a.json:2:15: 'name' was given already on line 2."),
        ('{"images" []}', "a.json:1:11: This is not JSON: A colon is missing here."),
        ("{images: []}", "a.json:1:2: This is not JSON: A key in double quotes is missing here."),
        ('{"images": [nope]}', "a.json:1:13: This is not JSON: A value is missing here"),
        ('{"images": [1,]}', "a.json:1:15: This is not JSON: A value is missing here"),
        ('{"images": []} x', "a.json:1:16: This is not JSON: The value ends before this"),
        ('{"images": ["a\nb"]}', "a.json:1:15: This is not JSON: Invalid control character at."),
        ('{"images": ["a', "a.json:1:13: This is not JSON: Unterminated string starting at."),
        ('{"images": ["\\ud800"]}', "a.json:1:13: This text holds half of a character (a lone surrogate)."),
        ('{"images": ' + "[" * 100_000, "a.json:1:91: This is not JSON: This is nested more than 80 levels deep."),
    ],
)
def test_a_mistake_in_json_has_its_line(text: str, error: str) -> None:
    (line,) = lines("a.json", text)
    assert line.startswith(error)


def test_aliases_cannot_blow_up() -> None:
    rows = ["images:", "- &a0 {x: [a, a, a, a, a, a, a, a, a, a]}"]
    rows += [f"- &a{n} {{x: [{', '.join([f'*a{n - 1}'] * 10)}]}}" for n in range(1, 12)]

    def attempt() -> float:
        began = time.monotonic()
        (error,) = lines("a.yaml", "\n".join(rows))
        assert error.endswith(f"The aliases make more than {MAX_VALUES:,} values of this file; write fewer.")
        return time.monotonic() - began

    assert quickest(attempt, 2) < 2


TEXTS = st.one_of(
    st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), max_size=20),
    st.from_regex(r"[-+0-9.eExo_:~]{1,8}", fullmatch=True),
    st.sampled_from(["no", "yes", "null", "~", "true", "2.4", "1e3", "0o17", "2027-01-31", "=", "<<", "- a", "*a", ""]),
)


@settings(max_examples=300, deadline=None)
@given(
    st.lists(
        st.fixed_dictionaries(
            {"name": TEXTS, "tasks": st.lists(TEXTS, max_size=3)},
            optional={
                "cpu": st.booleans(),
                "facts": st.fixed_dictionaries(
                    {
                        "requirements": st.dictionaries(
                            st.from_regex(r"NVIDIA_REQUIRE_[A-Z]{1,4}", fullmatch=True), TEXTS, max_size=2
                        )
                    }
                ),
            },
        ),
        max_size=3,
    )
)
def test_a_written_catalogue_reads_back(images: list[dict[str, object]]) -> None:
    catalogue = {"images": images, "nodes": [{"ip": "10.0.0.7", "index": 0, "gpu_mem": 51527024640, "gpu_name": None}]}
    assert read("a.yaml", as_yaml(catalogue)).content() == catalogue
    assert read("a.json", json.dumps(catalogue)).content() == catalogue


def test_what_occurs_twice_is_written_out() -> None:
    worker = {"driver_version": "550.54.15"}
    assert data_as_yaml([worker, worker]) == "- driver_version: 550.54.15\n" * 2


@pytest.mark.parametrize("text", ["12", "2.4", "-1", "+.5", "1e3", "0x1F", "0o7", "true", "null", "", "~"])
def test_a_text_that_another_reader_may_take_for_no_text_is_written_in_quotes(text: str) -> None:
    written = as_yaml({"images": [{"version": text}]})
    assert f'"{text}"' in written or f"'{text}'" in written


@pytest.mark.parametrize(
    ("text", "meaning"),
    [("12", 12), ("0x1F", 31), ("0o17", 15), ("2.40", 2.4), ("1e999", "1e999"), (".inf", ".inf"), ("1_000", "1_000")],
)
def test_words_without_quotes(text: str, meaning: object) -> None:
    assert scalar(text) == meaning


def test_thousands_of_images_are_read_in_seconds() -> None:
    image = {"name": "pytorch", "version": "2.4.1", "url": "docker.io/pytorch/pytorch:2.4.1", "tasks": ["train"]}
    text = as_yaml({"images": [image | {"version": f"2.4.{number}"} for number in range(5000)]})

    def attempt() -> float:
        began = time.monotonic()
        assert len(read("a.yaml", text).content()["images"]) == 5000
        return time.monotonic() - began

    assert quickest(attempt, 10) < 10


class Disk(Body):
    """A field with fields of its own."""

    number: Count | None = None
    is_free: bool = True
    label: str | None = None


class NodeWithDisks(NodeCreate):
    """A node with fields that no node has."""

    disks: Count = 0
    disk: Disk | None = None
    more: list[Disk] | None = None


class DocumentWithDisks(Document):
    """A catalogue file of such nodes."""

    nodes: list[NodeWithDisks] | None = None  # type: ignore[assignment]  # a list of a subclass


def test_the_schemas_say_which_fields_hold_numbers() -> None:
    text = "nodes:\n- {ip: a, index: 1, disks: 4, disk: {number: 3, is_free: false}, more: [{number: 5}]}\n"
    (node,) = read("a.yaml", text, DocumentWithDisks).content()["nodes"]
    assert NodeWithDisks.model_validate(node).disks == 4
    assert node["disk"] == {"number": 3, "is_free": False}
    # A field that the schemas do not have may be one of a newer server, as far as it is text.
    assert read("a.yaml", "nodes:\n- {ip: a, disks: many}\n").content() == {"nodes": [{"ip": "a", "disks": "many"}]}
    assert lines("a.yaml", "nodes:\n- {ip: a, indx: 4, disks: many}\n") == [
        "a.yaml:2: nodes.0.indx: There is no field 'indx' here; did you mean index?",
        f"a.yaml:2: nodes.0.disks: There is no field 'disks' here; the fields are {', '.join(NodeCreate.model_fields)}.",
    ]


def test_the_schemas_say_which_fields_hold_true_or_false_and_text() -> None:
    with pytest.raises(Invalid) as refused:
        read("a.yaml", "nodes:\n- disk: {is_free: yes, label: 2.4}\n  more:\n  - label: 7\n", DocumentWithDisks)
    assert refused.value.detail.splitlines() == [
        "a.yaml:2: nodes.0.disk.is_free: Write true or false in place of 'yes'.",
        'a.yaml:2: nodes.0.disk.label: Write it in quotes, "2.4": without them it is a number, not text.',
        'a.yaml:4: nodes.0.more.0.label: Write it in quotes, "7": without them it is a number, not text.',
    ]
