"""The images of a catalogue grouped by the facts that rules declare: one column for all rules that read the same facts.

Where an image's facts differ on an architecture, those facts are in columns of that architecture.
"""

from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from operator import itemgetter

from bayplan.domain.compatibility.bits import Bits, from_places
from bayplan.domain.compatibility.columns import GroupColumn
from bayplan.domain.compatibility.derived_facts import fact_reader
from bayplan.domain.compatibility.image_requirements import ImageRequirements
from bayplan.domain.compatibility.rules.rule import DRIVER, JUDGE_READS_OF_IMAGE, KERNELS, RuleSet

Reader = Callable[[ImageRequirements], Hashable]


@dataclass(frozen=True, slots=True, eq=False)
class FactLayout:
    """The number of the column that each rule reads, and the function that reads the facts of each column."""

    readers: tuple[Reader, ...]
    judge: int
    driver: int
    kernels: int
    general: tuple[int, ...]
    gpu: tuple[int, ...]

    @classmethod
    def of(cls, rules: RuleSet) -> "FactLayout":
        """The layout for these rules."""
        numbers: dict[tuple[str, ...], int] = {}

        def number(facts: tuple[str, ...]) -> int:
            return numbers.setdefault(facts, len(numbers))

        judge, driver, kernels = number(JUDGE_READS_OF_IMAGE), number(DRIVER), number(KERNELS)
        general = tuple(number(rule.image) for rule in rules.general)
        gpu = tuple(number(rule.image) for rule in rules.gpu)
        return cls(tuple(fact_reader(facts) for facts in numbers), judge, driver, kernels, general, gpu)


@dataclass(frozen=True, slots=True, eq=False)
class FactColumns:
    """The images that are in these columns, and a column for each reader of the layout."""

    members: Bits
    columns: tuple[GroupColumn[ImageRequirements], ...]

    @classmethod
    def build(
        cls, layout: FactLayout, images: Iterable[tuple[ImageRequirements, Sequence[int]]], size: int
    ) -> "FactColumns":
        """The columns of images, each with all places at which equal ones stand."""
        images = list(images)
        members = from_places((place for _, places in images for place in places), size)
        columns = (
            GroupColumn.build(((places, read(needs), needs) for needs, places in images), size)
            for read in layout.readers
        )
        return cls(members, tuple(columns))

    def changed(
        self, layout: FactLayout, moved: Callable[[Bits], Bits], placed: Sequence[tuple[int, ImageRequirements]]
    ) -> "FactColumns":
        """The columns with every set moved, and then these images added at their places."""
        members = moved(self.members)
        for place, _ in placed:
            members |= 1 << place
        columns = (
            column.changed(moved, [(place, read(needs), needs) for place, needs in placed])
            for column, read in zip(self.columns, layout.readers, strict=True)
        )
        return FactColumns(members, tuple(columns))


def all_facts(layout: FactLayout, requirements: ImageRequirements) -> Hashable:
    """All that rules read of an image, on every architecture: images that are equal in it have the same verdicts."""
    own = tuple([read(requirements) for read in layout.readers])
    others = {
        name: tuple([read(other) for read in layout.readers]) for name, other in requirements.by_architecture.items()
    }
    return own, tuple(sorted(((name, facts) for name, facts in others.items() if facts != own), key=itemgetter(0)))
