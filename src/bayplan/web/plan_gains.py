"""What a plan leads to, beside the matrix: totals before and after, and who gains or loses the last partner, with the reasons."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bayplan.domain.compatibility.verdict import Grade, Reason
from bayplan.domain.compatibility.what_if import ImagesChange, NodesChange
from bayplan.domain.node_names import NodeName
from bayplan.server.what_if.queries import PlannedFleet
from bayplan.web.formats import short

_NAMED_AT_MOST = 4
_MOST_ENTRIES = 10
_MOST_LETTERS = 80
"""The letters of a name."""


@dataclass(frozen=True, slots=True)
class Total:
    """A number before and after."""

    word: str
    before: int
    after: int

    @property
    def change(self) -> str:
        """The difference with its sign; empty where there is none."""
        return f"{self.after - self.before:+,}".replace("-", "−") if self.after != self.before else ""


@dataclass(frozen=True, slots=True)
class Name:
    """A name, and the page of what it names; new images and nodes have none."""

    text: str
    path: str = ""


@dataclass(frozen=True, slots=True)
class Gain:
    """Images that gain their first node, or nodes that gain an image for a task; or lose the last. `partner` is one such."""

    task: str
    names: Sequence[Name]
    more: int
    where: str
    partner: Name | None
    grade: Grade | None
    reasons: Sequence[Reason]


@dataclass(frozen=True, slots=True)
class Gains:
    """A list of such entries, of which so many are not shown."""

    title: str
    sign: str
    is_loss: bool
    entries: Sequence[Gain]
    more: int


def totals(planned: PlannedFleet) -> list[Total]:
    """Gives the numbers of images and nodes, and then the pairs of them by grade."""
    before, after = planned.before, planned.after
    answer = planned.answer
    return [
        Total("images", len(before.index), len(after.index)),
        Total("nodes", len(before.nodes), len(after.nodes)),
        *(
            Total(grade.value, count, answer.after[grade])
            for grade, count in answer.before.items()
            if count or answer.after[grade]
        ),
    ]


def gains(planned: PlannedFleet, names: Mapping[int, NodeName]) -> list[Gains]:
    """Gives who gains the first partner and who loses the last; `names` are those of the nodes."""
    answer = planned.answer
    namer = _Names(planned, names)
    lists = (
        (
            "Images that gain their first node",
            False,
            [namer.of_images(each, "runs on {}, such as") for each in answer.images_gained],
        ),
        (
            "Images that lose their last node",
            True,
            [namer.of_images(each, "ran on {}; now on") for each in answer.images_lost],
        ),
        ("Nodes that gain a task", False, [namer.of_nodes(each) for each in _merged(answer.nodes_gained)]),
        ("Nodes that lose a task", True, [namer.of_nodes(each) for each in _merged(answer.nodes_lost)]),
    )
    return [
        Gains(title, "▼" if is_loss else "▲", is_loss, entries[:_MOST_ENTRIES], max(0, len(entries) - _MOST_ENTRIES))
        for title, is_loss, entries in lists
        if entries
    ]


def _merged(changes: Sequence[NodesChange]) -> list[NodesChange]:
    """The changes of several kinds of nodes in one where the task, the image and the reasons are the same."""
    alike: dict[tuple[str, int, Grade | None, tuple[Reason, ...]], list[int]] = {}
    for change in changes:
        alike.setdefault((change.task, change.image, change.grade, change.reasons), []).extend(change.nodes)
    return [
        NodesChange(task, tuple(nodes), image, grade, reasons) for (task, image, grade, reasons), nodes in alike.items()
    ]


@dataclass(frozen=True, slots=True)
class _Names:
    planned: PlannedFleet
    nodes: Mapping[int, NodeName]

    def of_images(self, change: ImagesChange, words: str) -> Gain:
        where = f"{change.nodes:,} node{'' if change.nodes == 1 else 's'}"
        return Gain(
            "",
            [self._image(pk) for pk in change.images[:_NAMED_AT_MOST]],
            max(0, len(change.images) - _NAMED_AT_MOST),
            f"ran on {where}, all of them removed" if change.node is None else words.format(where),
            None if change.node is None else self._node(change.node),
            change.grade,
            _deciding(change.reasons),
        )

    def of_nodes(self, change: NodesChange) -> Gain:
        return Gain(
            change.task,
            [self._node(pk) for pk in change.nodes[:_NAMED_AT_MOST]],
            max(0, len(change.nodes) - _NAMED_AT_MOST),
            "is retired" if change.grade is None else "",
            self._image(change.image),
            change.grade,
            _deciding(change.reasons),
        )

    def _image(self, pk: int) -> Name:
        if pk < 0:
            return Name(f"new image {-pk}")
        order = self.planned.before.index.order
        place = order.place(pk)
        return Name(f"image {pk}" if place is None else _short(":".join(order.entries[place][4])), f"/images/{pk}")

    def _node(self, pk: int) -> Name:
        if pk < 0:
            return Name(f"new node {-pk}")
        return Name(_short(self.nodes[pk].label) if pk in self.nodes else f"node {pk}", f"/nodes/{pk}")


def _short(text: str) -> str:
    return short(text, _MOST_LETTERS)


def _deciding(reasons: Sequence[Reason]) -> list[Reason]:
    return [reason for reason in reasons if reason.grade is not Grade.CAVEAT]
