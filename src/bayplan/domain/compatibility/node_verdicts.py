"""The verdicts of all images of a catalogue on one kind of node: every image's grade, and reasons on request."""

import datetime
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import chain, islice

from bayplan.domain.compatibility.bits import Bits, from_places, places
from bayplan.domain.compatibility.image_requirements import ImageRequirements
from bayplan.domain.compatibility.judge import grade_after, settle
from bayplan.domain.compatibility.node_capabilities import NodeCapabilities
from bayplan.domain.compatibility.order import ImageOrder
from bayplan.domain.compatibility.remedies import offer
from bayplan.domain.compatibility.rules import RuleSet
from bayplan.domain.compatibility.verdict import ORDER, Grade, Reason, Remedy, Verdict

Block = tuple[Reason, Bits]
"""A reason and the images that it is for."""


@dataclass(frozen=True, slots=True, eq=False)
class NodeVerdicts:
    """Every image of an index on one kind of node.

    `general` and `gpu` have the reasons of the two kinds of rules, in the order of the rules; a reason in `gpu` counts
    only for those of its images that are in `uses_gpu`, which use the node's GPU.
    """

    rules: RuleSet
    order: ImageOrder
    node: NodeCapabilities
    today: datetime.date
    grades: dict[Grade, Bits]
    uses_gpu: Bits
    general: list[Block]
    gpu: list[Block]
    _verdicts: dict[ImageRequirements, Verdict] = field(default_factory=dict)

    def best(self, images: Bits, grades: frozenset[Grade], limit: int | None = None) -> list[int]:
        """The places of those of the images that have these grades, in the order of matches."""
        ordered = (places(self.grades[grade] & images) for grade in ORDER if grade in grades)
        return list(islice(chain.from_iterable(ordered), limit))

    def of_grades(self, grades: Iterable[Grade]) -> Bits:
        """The images that have one of these grades."""
        images = 0
        for grade in grades:
            images |= self.grades.get(grade, 0)
        return images

    def grades_by_pk(self) -> dict[int, Grade]:
        """The grade of every image, by its pk."""
        entries = self.order.entries
        return {entries[place][2]: grade for grade, images in self.grades.items() for place in places(images)}

    def explained(self, chosen: Sequence[int]) -> tuple[tuple[int, Verdict], ...]:
        """The pk and the verdict of the image at each place; images that need the same share one verdict."""
        entries, verdicts = self.order.entries, self._verdicts
        missing: dict[ImageRequirements, int] = {}
        for place in chosen:
            requirements = entries[place][3]
            if requirements not in verdicts:
                missing.setdefault(requirements, place)
        if missing:
            self._explain(missing)
        return tuple((entries[place][2], verdicts[entries[place][3]]) for place in chosen)

    def _explain(self, missing: dict[ImageRequirements, int]) -> None:
        chosen = from_places(missing.values(), len(self.order.entries))
        on_gpu = chosen & self.uses_gpu
        general, gpu = _reasons(self.general, chosen), _reasons(self.gpu, on_gpu)
        for requirements, place in missing.items():
            image = requirements.on(self.node.platform)
            verdict = settle(general[place], gpu.get(place), image.declared.cpu)
            self._verdicts[requirements] = offer(verdict, partial(self._grade_after, image))

    def _grade_after(self, image: ImageRequirements, remedy: Remedy) -> Grade:
        return grade_after(remedy, image, self.node, self.today, self.rules)


def _reasons(blocks: list[Block], images: Bits) -> dict[int, list[Reason]]:
    """The reasons of each of the images, by place."""
    reasons: dict[int, list[Reason]] = {place: [] for place in places(images)}
    for reason, blocked in blocks:
        for place in places(blocked & images):
            reasons[place].append(reason)
    return reasons
