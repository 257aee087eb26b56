"""How far the workers are with their desired images: what each of them has reported, against the plan of the whole fleet."""

import asyncio
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from bayplan.domain.compatibility.bits import Bits, from_places, places
from bayplan.server.context import Context
from bayplan.server.prefetch import inventory
from bayplan.server.prefetch.fleet_plan import FleetPlan, KindsOfWorker, PlannedWorker

_HELD, _PULLING, _FAILED, _NO_ROOM = "h", "p", "f", "n"


@dataclass(frozen=True, slots=True)
class Reported:
    """What a worker has reported: the images of rules by state, and the number of all images in each state."""

    held: Bits
    pulling: Bits
    failed: Bits
    no_room: Bits
    every: Bits
    counts: Mapping[str, int]
    """By the first letter of the state; images that no rule names too."""
    total: int

    @property
    def by_state(self) -> Mapping[str, int]:
        """The numbers of images that are being pulled, that failed, and for which there is no room."""
        return {
            "pulling": self.counts.get(_PULLING, 0),
            "failed": self.counts.get(_FAILED, 0),
            "no_room": self.counts.get(_NO_ROOM, 0),
        }


@dataclass(frozen=True, slots=True)
class DesiredProgress:
    """How many images are desired, how many of them are present, and why the others are not."""

    desired: int = 0
    present: int = 0
    pulling: int = 0
    failed: int = 0
    no_room: int = 0

    @property
    def missing(self) -> int:
        """Those that are not present."""
        return self.desired - self.present

    @property
    def waiting(self) -> int:
        """Those about which the worker has reported nothing yet."""
        return self.missing - self.pulling - self.failed - self.no_room

    def __add__(self, other: "DesiredProgress") -> "DesiredProgress":
        """Gives the sum over two workers."""
        return DesiredProgress(
            self.desired + other.desired,
            self.present + other.present,
            self.pulling + other.pulling,
            self.failed + other.failed,
            self.no_room + other.no_room,
        )

    def __mul__(self, workers: int) -> "DesiredProgress":
        """Gives the sum over so many workers of which each is as far."""
        return DesiredProgress(
            self.desired * workers,
            self.present * workers,
            self.pulling * workers,
            self.failed * workers,
            self.no_room * workers,
        )


def progress_of(desired: Bits, reported: Reported) -> DesiredProgress:
    """Gives how far a worker is with some of its desired images."""
    return DesiredProgress(
        desired.bit_count(),
        (desired & reported.held).bit_count(),
        (desired & reported.pulling).bit_count(),
        (desired & reported.failed).bit_count(),
        (desired & reported.no_room).bit_count(),
    )


@dataclass(frozen=True, eq=False)
class FleetProgress:
    """The plan of the fleet, and what each worker has reported, in the order of the workers."""

    plan: FleetPlan
    reported: Sequence[Reported]
    texts: Mapping[int, str]
    """The reports as the database gave them: while they are the same, so is this."""

    @cached_property
    def nothing(self) -> Reported:
        """The report of who has reported nothing."""
        return _reported(self.plan, "")

    def workers(self) -> Iterator[tuple[PlannedWorker, Reported]]:
        """Gives each worker with its report."""
        return zip(self.plan.workers, self.reported, strict=True)

    def alike(self) -> Iterator[tuple[KindsOfWorker, Reported, int]]:
        """Gives how many workers have nodes of these kinds and have reported this: in a fleet, most are like many others."""
        numbers = Counter((worker.kinds, id(reported)) for worker, reported in self.workers())
        by_id = {id(reported): reported for reported in self.reported}
        for (kinds, number_of_report), number in numbers.items():
            yield kinds, by_id[number_of_report], number

    @cached_property
    def of_rules(self) -> Sequence[tuple[int, DesiredProgress]]:
        """By rule: the machines that have a node that it applies to, and how far these are with its images."""
        machines, totals = [0] * len(self.plan.rules), [DesiredProgress()] * len(self.plan.rules)
        for kinds, reported, number in self.alike():
            for rule in {rule for _, rules in kinds for rule in rules}:
                machines[rule] += number
                if desired := self.plan.desired_by(rule, kinds):
                    totals[rule] += progress_of(desired, reported) * number
        return list(zip(machines, totals, strict=True))

    @cached_property
    def of_workers(self) -> Sequence[DesiredProgress]:
        """How far each worker is."""
        made = {
            (kinds, id(reported)): progress_of(self.plan.desired(kinds), reported)
            for kinds, reported, _ in self.alike()
        }
        return [made[worker.kinds, id(reported)] for worker, reported in self.workers()]

    def of_images(self, rule: int, images: Sequence[int]) -> dict[int, DesiredProgress]:
        """Gives how far the machines are with some images of a rule, by image."""
        shown = from_places((self.plan.place_of[image] for image in images), len(self.plan.images))
        counted: dict[int, DesiredProgress] = dict.fromkeys(images, DesiredProgress())
        for kinds, reported, number in self.alike():
            for place in places(self.plan.desired_by(rule, kinds) & shown):
                counted[self.plan.images[place]] += progress_of(1 << place, reported) * number
        return counted

    def lost_without(self, rule: int) -> tuple[int, int]:
        """Gives how many images on how many machines are there for this rule alone: its removal has workers remove them."""
        images, machines = 0, 0
        for kinds, reported, number in self.alike():
            lost = self.plan.only_by(rule, kinds) & reported.held
            images |= lost
            machines += number if lost else 0
        return images.bit_count(), machines


async def fleet_progress(context: Context, version: int) -> FleetProgress:
    """Gives how far every worker is, as of `version` or later."""
    plan, texts = await fleet_plan(context, version), await inventory.reports(context.db)

    def work() -> FleetProgress:
        last = context.planner.last_progress
        if isinstance(last, FleetProgress) and last.plan is plan and last.texts == texts:
            return last
        by_text = {text: _reported(plan, text) for text in {*texts.values(), ""}}
        return FleetProgress(plan, [by_text[texts.get(worker.pk, "")] for worker in plan.workers], texts)

    progress = await asyncio.to_thread(work)
    context.planner.last_progress = progress
    return progress


def _reported(plan: FleetPlan, text: str) -> Reported:
    bits: dict[str, int] = {}
    counts: Counter[str] = Counter()
    for image, letter in inventory.letters(text) if text else ():
        counts[letter] += 1
        place = plan.place_of.get(image)
        if place is not None:
            bits[letter] = bits.get(letter, 0) | 1 << place
    every = 0
    for some in bits.values():
        every |= some
    held, pulling, failed, no_room = (bits.get(letter, 0) for letter in (_HELD, _PULLING, _FAILED, _NO_ROOM))
    return Reported(held, pulling, failed, no_room, every, counts, counts.total())


async def fleet_plan(context: Context, version: int) -> FleetPlan:
    """Gives the desired images of every worker, as of `version` or later: worked out once for each version."""
    plan = await context.planner.plan(version)
    async with plan.fleet_turn:
        if plan.of_fleet is None:
            applying = await plan.rules.of_all_workers(context.db)
            workers = await inventory.workers(context.db)
            named = {image for rule in plan.rules.rules for image in rule.images}
            fleet, running = await context.kinds.running_kinds(named, plan.version)

            def work() -> FleetPlan:
                kind_of = {node: place for place, kind in enumerate(fleet.kinds) for node in kind.nodes}
                planned = [_planned(worker, kind_of, applying) for worker in workers]
                made = FleetPlan(plan.rules.rules, planned, kind_of, running)
                for worker in planned:
                    made.desired(worker.kinds)
                return made

            plan.of_fleet = await asyncio.to_thread(work)
        return plan.of_fleet


def _planned(
    worker: Mapping[str, Any], kind_of: Mapping[int, int], applying: Mapping[int, tuple[int, ...]]
) -> PlannedWorker:
    nodes = worker["nodes"]
    kinds = {(kind_of[node], applying.get(node, ())) for node, _ in nodes if node in kind_of}
    return PlannedWorker(worker["pk"], worker["worker"], worker["ip"], tuple(nodes), tuple(sorted(kinds)))
