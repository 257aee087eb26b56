"""Shows verdicts: a table of images by grade with the reasons as notes below it, or a single verdict in sentences."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from rich.text import Text

from bayplan.cli.images import _view as image_view
from bayplan.cli.nodes import _view as node_view
from bayplan.cli.output import MUTED, Column, Lines, count, fields, grade, indented, show, table, words
from bayplan.cli.remedies import at_command_line
from bayplan.client import Client
from bayplan.domain.reference import located
from bayplan.exports.docker_run import MIG_UUID, RUNS, docker_run

if TYPE_CHECKING:
    from bayplan.schemas.docker import ExpandedImageAnswer, ImageAnswer
    from bayplan.schemas.match import GradedImage, MatchAnswer, ReasonAnswer, SummaryLineAnswer
    from bayplan.schemas.nodes import ExpandedNodeAnswer

MEANINGS = {
    "native": "It runs: the driver is at least the one that its CUDA release ships with.",
    "minor": "It runs, by the minor-version compatibility of its CUDA family.",
    "forward": "It runs, by the forward-compatibility package in it.",
    "cpu": "It runs, without using a GPU.",
    "jit": "It has no kernels for this GPU; the driver must compile them at start, and nobody can promise that it can.",
    "unknown": "Whether it runs is not known: a fact that decides it is missing.",
    "no": "It will not run.",
}


_NEEDED_AT_MOST = 120


@dataclass(frozen=True, slots=True)
class Names:
    """The names of the frameworks and CUDA releases that images refer to by key."""

    frameworks: Mapping[int, str]
    families: Mapping[int, str]
    """The frameworks without their versions."""
    cuda: Mapping[int, str]

    @classmethod
    def of(cls, client: Client) -> Names:
        """The names in the server's catalogue."""
        frameworks = client.frameworks.list()
        return cls(
            {release["pk"]: f"{release['name']} {release['version']}" for release in frameworks},
            {release["pk"]: release["name"] for release in frameworks},
            {release["pk"]: release["full_version"] for release in client.cuda.list()},
        )

    def framework(self, image: ImageAnswer) -> str:
        """The framework of an image."""
        return self.frameworks.get(image["framework"], "-")

    def release(self, image: ImageAnswer) -> str:
        """The CUDA release of an image."""
        return "-" if image["cuda_version"] is None else self.cuda.get(image["cuda_version"], "-")


@dataclass(slots=True)
class Notes:
    """The reasons below a table, each once under its number, because hundreds of images share a few."""

    noun: str = "image"
    """What each row of the table is one of."""
    numbers: dict[tuple[str, ...], int] = field(default_factory=dict)
    reasons: list[ReasonAnswer] = field(default_factory=list)
    images: Counter[int] = field(default_factory=Counter)

    def refer(self, reasons: Iterable[ReasonAnswer], times: int = 1) -> str:
        """The numbers of a row's reasons, which join the notes where they are new; the row stands for so many."""
        numbers = []
        for reason in reasons:
            key = (reason["code"], reason["detail"], reason["remedy"] or "")
            if key not in self.numbers:
                self.reasons.append(reason)
                self.numbers[key] = len(self.reasons)
            numbers.append(self.numbers[key])
        self.images.update(dict.fromkeys(numbers, times))
        return ", ".join(str(number) for number in sorted(numbers))

    def table(self) -> Lines:
        """All reasons with their numbers, the number of their images, and their remedies."""
        notes = (
            (str(number), sentences(reason, f" ({count(self.images[number], self.noun)})"))
            for number, reason in enumerate(self.reasons, 1)
        )
        return fields(notes, right=True)


def show_answer(
    answer: MatchAnswer, names: Names, node: ExpandedNodeAnswer | None, limit: int, *, of_each: bool = False
) -> None:
    """Prints the images that run on the node, best first; where none does, what stands in the way.

    `of_each`: the matches are so many of each framework, and are grouped by it, the framework with the best match first.
    """
    matches, rejected = answer["matches"], answer.get("rejected", [])
    groups = _by_framework(matches, names) if of_each else {}
    result = _result_of_each(answer, groups, limit) if groups else _result(answer, limit)
    head = fields([("Node", _node_line(answer["worker"], node)), ("Result", result)])
    parts: list[Text | Lines] = [head]
    notes = Notes()
    if groups:
        grouped = [judged for group in groups.values() for judged in group]
        parts += [Text(), _images(grouped, names, notes, first="framework")]
    elif matches:
        parts += [Text(), _images(matches, names, notes)]
    if rejected:
        left_out = Text(f"{count(len(rejected), 'image')} left out, and what decided it:")
        parts += [Text(), left_out, Text(), _images([_decisive(judged) for judged in rejected], names, notes)]
    if notes.reasons:
        parts += [Text(), notes.table()]
    if not matches and answer["summary"]:
        parts += [Text(), *_summary(answer["summary"])]
    show(*parts)


def references(answer: MatchAnswer) -> list[str]:
    """The references of the images that run, best first."""
    return [image_view.reference(judged["image"]) for judged in answer["matches"]]


def show_verdict(
    image: ExpandedImageAnswer,
    judged: GradedImage | None,
    facts: Mapping[str, Any],
    node: ExpandedNodeAnswer | None,
    shared_memory_bytes: int | None = None,
) -> None:
    """Prints in sentences whether the image runs on the node, and where it does the command that runs it."""
    release = f"CUDA {image_view.cuda(image)}" if image["cuda_version"] else "no CUDA"
    inside = dict.fromkeys((image_view.framework(image["framework"]), release))  # a framework may be CUDA itself
    named = Text.assemble(image_view.named(image["name"], image["version"]), ", ", ", ".join(inside))
    head = fields([("Image", named), ("Node", _node_line(facts, node))])
    if judged is None:
        gone = "It was deleted, so no node gets it." if image["deletion_time"] else "The server gave no verdict on it."
        return show(head, Text(), Text(gone))
    verdict = Text.assemble(grade(judged["grade"]), "  ", MEANINGS.get(judged["grade"], ""))
    parts: list[Text | Lines] = [head, Text(), verdict]
    for reason in judged["reasons"]:
        parts += [Text(), indented(sentences(reason, at_length=True))]
    if judged["grade"] in RUNS:
        parts += [Text(), _command(image, judged["grade"], facts, node, shared_memory_bytes)]
    return show(*parts)


def _command(
    image: ExpandedImageAnswer,
    graded: str,
    facts: Mapping[str, Any],
    node: ExpandedNodeAnswer | None,
    shared_memory_bytes: int | None,
) -> Text:
    """The command that runs the image; never broken into lines, so that it can be copied."""
    reference = located(image["url"], image["registry"])
    index = None if node is None else node["index"]
    command = docker_run(reference, graded, facts, index=index, shared_memory_bytes=shared_memory_bytes)
    text = Text(words(command), no_wrap=True, overflow="ignore")
    if MIG_UUID in command:
        text.append(f"\n{MIG_UUID} is the slice's, as `nvidia-smi -L` shows it.", style=MUTED)
    return text


def _node_line(facts: Mapping[str, Any], node: ExpandedNodeAnswer | None) -> Text:
    """The address of a node of the catalogue, and the facts of the node in a phrase."""
    phrase = node_view.phrase(facts)
    if node is None:
        return Text(phrase)
    return Text.assemble((f"{words(node['ip'])}#{node['index']}", "bold"), f", {phrase}")


def _result(answer: MatchAnswer, limit: int) -> str:
    """How many images run, of how many, in a sentence."""
    shown, considered = len(answer["matches"]), count(answer["considered"], "image")
    running = answer["considered"] - len(answer["rejected"]) if "rejected" in answer else shown
    if not answer["considered"]:
        sentence = "No image was considered."
    elif not shown:
        sentence = (
            f"None of {considered} runs here."
            if answer["considered"] > 1
            else "The only image considered does not run here."
        )
    elif shown < running:
        sentence = f"{running} of {considered} run here; the best {shown}:"
    elif shown == limit and shown < answer["considered"]:
        sentence = f"The best {shown} that run here, of {considered} considered:"
    else:
        sentence = f"{shown} of {considered} {'runs' if shown == 1 else 'run'} here:"
    return sentence


def _by_framework(matches: Sequence[GradedImage], names: Names) -> dict[str, list[GradedImage]]:
    """The matches by the name of their framework, in the order of the first match of each."""
    groups: dict[str, list[GradedImage]] = {}
    for judged in matches:
        groups.setdefault(names.families.get(judged["image"]["framework"], "-").casefold(), []).append(judged)
    return groups


def _result_of_each(answer: MatchAnswer, groups: Mapping[str, Sequence[GradedImage]], limit: int) -> str:
    considered = count(answer["considered"], "image")
    if all(len(group) < limit for group in groups.values()):  # no framework has more than are shown
        shown = len(answer["matches"])
        return f"{shown} of {considered} {'runs' if shown == 1 else 'run'} here, by framework:"
    return f"The best {limit} of each of {count(len(groups), 'framework')}, of {considered} considered:"


def _decisive(judged: GradedImage) -> GradedImage:
    """The verdict with those of its reasons that have its grade; `why` and the JSON have all of them."""
    reasons = [reason for reason in judged["reasons"] if reason["grade"] == judged["grade"]]
    return {**judged, "reasons": reasons or judged["reasons"]}


def _images(judged: Sequence[GradedImage], names: Names, notes: Notes, *, first: str | None = None) -> Lines:
    columns = [
        Column("grade"),
        Column("image", gives_way=True),
        Column("framework", spare=0 if first else 2),
        Column("cuda"),
        Column("notes", gives_way=True),
        Column("reference", spare=1),
    ]
    rows: list[tuple[object, ...]] = []
    for verdict in judged:
        image = verdict["image"]
        name = image_view.named(image["name"], image["version"])
        cells = (
            grade(verdict["grade"]),
            name,
            names.framework(image),
            names.release(image),
            notes.refer(verdict["reasons"]),
            image_view.reference(image),
        )
        rows.append(cells)
    order = sorted(range(len(columns)), key=lambda number: columns[number].title != first)
    return table([columns[number] for number in order], [[cells[number] for number in order] for cells in rows])


def _summary(summary: Sequence[SummaryLineAnswer]) -> list[Text | Lines]:
    columns = (Column("images", right=True), Column("what stands in the way"), Column("the change", gives_way=True))
    rows = [(line["images"], line["code"], line["remedy"] and at_command_line(line["remedy"])) for line in summary]
    return [table(columns, rows)]


def sentences(reason: ReasonAnswer, after: str = "", *, at_length: bool = False, in_catalogue: bool = True) -> Text:
    """A reason in sentences: its grade and code, its detail, and its remedy, which `at_command_line` says for images `in_catalogue`."""
    text = Text.assemble(grade(reason["grade"]), "  ", (reason["code"], "bold"), (after, MUTED))
    text.append(f"\n{words(reason['detail'])}")
    if at_length and reason["needed"] and reason["found"]:
        text.append(f"\nNeeded: {words(_short(reason['needed']))}. Found: {words(reason['found'])}.", style=MUTED)
    if reason["remedy"]:
        text.append("\n-> ", style="green")
        text.append(words(at_command_line(reason["remedy"], in_catalogue=in_catalogue)))
    if at_length and reason["source"]:
        text.append(f"\n{words(reason['source'])}", style=MUTED)
    return text


def _short(needed: str) -> str:
    """What is needed, at most some letters of it: a start condition of NVIDIA's images has 1,500."""
    from textwrap import shorten

    return shorten(needed, _NEEDED_AT_MOST, placeholder=" ...") if len(needed) > _NEEDED_AT_MOST else needed
