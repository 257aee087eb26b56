"""The plan of a whole fleet against the plan of one worker: `plan_images` says what is desired, image by image."""

import random
from collections.abc import Callable

import pytest

from bayplan.domain.compatibility.bits import from_places, places
from bayplan.domain.compatibility.verdict import Grade
from bayplan.domain.prefetch import MOST_IMAGES, NodeGroup, PrefetchRule, plan_images
from bayplan.server.prefetch.fleet_plan import FleetPlan, KindsOfWorker, PlannedWorker

KINDS = 6


def random_plan(seed: int, images: int) -> FleetPlan:
    """A fleet whose rules name up to so many images each, in an order of their own."""
    chance = random.Random(seed)
    pks = list(range(1, images + 1))
    rules = [PrefetchRule(f"r{n}", tuple(chance.sample(pks, chance.randint(0, images)))) for n in range(5)]
    running = {pk: from_places((k for k in range(KINDS) if chance.random() < 0.7), KINDS) for pk in pks}
    workers = [
        PlannedWorker(number, f"w{number}", f"10.0.0.{number}", ((number, 0),), random_kinds(chance))
        for number in range(12)
    ]
    return FleetPlan(rules, workers, {}, running)


def random_kinds(chance: random.Random) -> KindsOfWorker:
    """The kinds of a worker's nodes, and the rules that apply to each."""
    kinds = chance.sample(range(KINDS), chance.randint(1, 3))
    return tuple(sorted((kind, tuple(r for r in range(5) if chance.random() < 0.6)) for kind in kinds))


def grades_on(plan: FleetPlan, kind: int) -> Callable[[int], Grade]:
    """The grade of an image on a kind of nodes."""
    return lambda image: Grade.NATIVE if plan.running[image] >> kind & 1 else Grade.NO


@pytest.mark.parametrize(("seed", "images"), [*((seed, 40) for seed in range(20)), (20, 3 * MOST_IMAGES)])
def test_it_desires_what_the_plan_of_each_worker_desires(seed: int, images: int) -> None:
    plan = random_plan(seed, images)
    for worker in plan.workers:
        groups = [NodeGroup(rules, grades_on(plan, kind)) for kind, rules in worker.kinds]
        planned = plan_images(plan.rules, groups)
        desired = {plan.images[place] for place in places(plan.desired(worker.kinds))}
        assert desired == {item.image for item in planned}
        for number, rule in enumerate(plan.rules):
            named = {plan.images[place] for place in places(plan.desired_by(number, worker.kinds))}
            assert named == {item.image for item in planned if rule.name in item.rules}
