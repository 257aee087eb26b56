"""The verdicts of all images of a catalogue on one kind of node: every image's grade, and reasons on request."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import chain, islice

from bayplan.domain.compatibility.bits import Bits, from_places, places
from bayplan.domain.compatibility.image_requirements import ImageRequirements
from bayplan.domain.compatibility.judge import RuleResults, Trials
from bayplan.domain.compatibility.order import ImageOrder
from bayplan.domain.compatibility.remedies import Try, is_blocked, offer
from bayplan.domain.compatibility.siblings import Siblings
from bayplan.domain.compatibility.verdict import ORDER, SEVERITY, Grade, Reason, Remedy, Verdict

Block = tuple[Reason, Bits, int]
"""A reason, the images that it is for, and the number of its rule."""


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
    _results: dict[ImageRequirements, RuleResults] = field(default_factory=dict)
    _offered: dict[tuple[ImageRequirements, Remedy | None], Verdict] = field(default_factory=dict)

    def best(self, images: Bits, grades: frozenset[Grade], limit: int | None = None) -> list[int]:
        """The places of those of the images that have these grades, in the order of matches: deprecated ones last."""
        first = self.order.first_deprecated
        parts: tuple[Bits, ...] = (images,)
        if first < len(self.order.entries):
            in_use = images & ((1 << first) - 1)
            parts = (in_use, images ^ in_use)
        ordered = (places(self.grades[grade] & part) for part in parts for grade in ORDER if grade in grades)
        return list(islice(chain.from_iterable(ordered), limit))

    def of_grades(self, grades: Iterable[Grade]) -> Bits:
        """The images that have one of these grades."""
        images = 0
        for grade in grades:
            images |= self.grades.get(grade, 0)
        return images

    def reasons(self) -> list[tuple[Reason, Bits]]:
        """The reasons, each with the images that it counts for: the worst first, of equal ones in the order of the rules."""
        blocks = [(reason, images) for reason, images, _ in self.general]
        blocks += [(reason, images & self.uses_gpu) for reason, images, _ in self.gpu]
        return sorted(blocks, key=lambda block: SEVERITY[block[0].grade])

    def grades_by_pk(self) -> dict[int, Grade]:
        """The grade of every image, by its pk."""
        entries = self.order.entries
        return {entries[place][2]: grade for grade, images in self.grades.items() for place in places(images)}

    def explained(self, chosen: Sequence[int]) -> tuple[tuple[int, Verdict], ...]:
        """The pk and the verdict of the image at each place, with an image that runs in place of one that does not.

        Images that need the same and have the same sibling share one verdict.
        """
        verdicts = self._verdicts(chosen)
        blocked = [place for place, verdict in verdicts.items() if is_blocked(verdict)]
        siblings = self.siblings.of(blocked) if blocked else {}
        entries = self.order.entries
        return tuple((entries[place][2], self._tried(place, verdicts[place], siblings.get(place))) for place in chosen)

    def without_siblings(self, place: int) -> Verdict:
        """The verdict of the image at that place, with remedies of its own alone."""
        return self._tried(place, self._verdicts([place])[place], None)

    def _tried(self, place: int, verdict: Verdict, sibling: Remedy | None) -> Verdict:
        requirements = self.order.entries[place][3]
        tried = self._offered.get((requirements, sibling))
        if tried is None:
            tried = self._offered[requirements, sibling] = offer(verdict, self._trials(requirements), sibling)
        return tried

    def grade_after(self, place: int, remedy: Remedy) -> Grade:
        """The grade of the image at that place after a remedy's changes."""
        requirements = self.order.entries[place][3]
        self._work_out([place])
        return self._trials(requirements)(remedy.node, remedy.image).grade

    def _trials(self, requirements: ImageRequirements) -> Try:
        return self.trials.of(requirements.on(self.trials.node.platform), self._results[requirements])

    def _verdicts(self, chosen: Sequence[int]) -> dict[int, Verdict]:
        """The verdict of the image at each place, with remedies that were not tried."""
        self._work_out(chosen)
        verdicts: dict[ImageRequirements, Verdict] = {}
        for place in chosen:
            requirements = self.order.entries[place][3]
            if requirements not in verdicts:
                verdicts[requirements] = self._results[requirements].verdict
        return {place: verdicts[self.order.entries[place][3]] for place in chosen}

    def _work_out(self, chosen: Sequence[int]) -> None:
        """Puts the reasons of these images together, where that was not done yet."""
        entries = self.order.entries
        missing: dict[ImageRequirements, int] = {}
        for place in chosen:
            if entries[place][3] not in self._results:
                missing.setdefault(entries[place][3], place)
        if not missing:
            return
        images = from_places(missing.values(), len(entries))
        general, gpu = _reasons(self.general, images), _reasons(self.gpu, images & self.uses_gpu)
        for requirements, place in missing.items():
            image = requirements.on(self.trials.node.platform)
            self._results[requirements] = RuleResults(general[place], gpu.get(place), image.falls_back_to_cpu)


def _reasons(blocks: list[Block], images: Bits) -> dict[int, dict[int, Reason]]:
    """The reasons of each of the images, by place and by the number of their rule."""
    reasons: dict[int, dict[int, Reason]] = {place: {} for place in places(images)}
    for reason, blocked, number in blocks:
        for place in places(blocked & images):
            reasons[place][number] = reason
    return reasons
