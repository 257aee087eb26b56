"""The verdicts of all images of a catalogue on one kind of node: every image's grade, and reasons on request."""

from collections.abc import Iterable, MutableMapping, Sequence
from dataclasses import dataclass, field
from itertools import chain, islice

from bayplan.domain.compatibility.bits import Bits, from_places, places
from bayplan.domain.compatibility.image_requirements import ImageRequirements
from bayplan.domain.compatibility.judge import Trials, settle
from bayplan.domain.compatibility.order import ImageOrder
from bayplan.domain.compatibility.remedies import blocks, offer, with_sibling
from bayplan.domain.compatibility.siblings import Siblings
from bayplan.domain.compatibility.verdict import ORDER, Grade, Reason, Remedy, Verdict

Block = tuple[Reason, Bits]
"""A reason and the images that it is for."""


@dataclass(frozen=True, slots=True, eq=False)
class NodeVerdicts:
    """Every image of an index on one kind of node.

    `general` and `gpu` have the reasons of the two kinds of rules, in the order of the rules; a reason in `gpu` counts
    only for those of its images that are in `uses_gpu`, which use the node's GPU.
    """

    order: ImageOrder
    siblings: Siblings
    trials: Trials
    grades: dict[Grade, Bits]
    uses_gpu: Bits
    general: list[Block]
    gpu: list[Block]
    _verdicts: MutableMapping[ImageRequirements, Verdict]
    """Those that were asked for, without siblings."""
    _with_siblings: dict[tuple[ImageRequirements, Remedy], Verdict] = field(default_factory=dict)

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
        """The pk and the verdict of the image at each place, with an image that runs in place of one that does not.

        Images that need the same and have the same sibling share one verdict.
        """
        verdicts = self.tried(chosen)
        rejected = [place for place, verdict in zip(chosen, verdicts, strict=True) if any(map(blocks, verdict.reasons))]
        siblings = self.siblings.of(rejected) if rejected else {}
        entries = self.order.entries
        return tuple(
            (entries[place][2], self._naming(siblings.get(place), entries[place][3], verdict))
            for place, verdict in zip(chosen, verdicts, strict=True)
        )

    def _naming(self, sibling: Remedy | None, requirements: ImageRequirements, verdict: Verdict) -> Verdict:
        if sibling is None:
            return verdict
        named = self._with_siblings.get((requirements, sibling))
        if named is None:
            named = self._with_siblings[requirements, sibling] = with_sibling(verdict, sibling)
        return named

    def tried(self, chosen: Sequence[int]) -> list[Verdict]:
        """The verdict of the image at each place, with remedies that were tried; the same for images that need the same."""
        entries, verdicts = self.order.entries, self._verdicts
        missing: dict[ImageRequirements, int] = {}
        for place in chosen:
            requirements = entries[place][3]
            if requirements not in verdicts:
                missing.setdefault(requirements, place)
        if missing:
            self._explain(missing)
        return [verdicts[entries[place][3]] for place in chosen]

    def grade_after(self, place: int, remedy: Remedy) -> Grade:
        """The grade of the image at that place after a remedy's changes."""
        return self.trials.of(self.order.entries[place][3].on(self.trials.node.platform))(remedy).grade

    def _explain(self, missing: dict[ImageRequirements, int]) -> None:
        chosen = from_places(missing.values(), len(self.order.entries))
        on_gpu = chosen & self.uses_gpu
        general, gpu = _reasons(self.general, chosen), _reasons(self.gpu, on_gpu)
        for requirements, place in missing.items():
            image = requirements.on(self.trials.node.platform)
            verdict = settle(general[place], gpu.get(place), image.falls_back_to_cpu)
            self._verdicts[requirements] = offer(verdict, self.trials.of(image))


def _reasons(blocks: list[Block], images: Bits) -> dict[int, list[Reason]]:
    """The reasons of each of the images, by place."""
    reasons: dict[int, list[Reason]] = {place: [] for place in places(images)}
    for reason, blocked in blocks:
        for place in places(blocked & images):
            reasons[place].append(reason)
    return reasons
