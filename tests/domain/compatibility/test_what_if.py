"""What-if says what comparing every single verdict says, before and after."""

import random
from collections import Counter
from collections.abc import Iterable

import pytest

from bayplan.domain.compatibility.index import CatalogueIndex
from bayplan.domain.compatibility.judge import judge
from bayplan.domain.compatibility.node import Node
from bayplan.domain.compatibility.order import CatalogueImage
from bayplan.domain.compatibility.verdict import MATCHED_BY_DEFAULT, Grade
from bayplan.domain.compatibility.what_if import Fleet, ImagesChange, NodesChange, what_if
from tests.domain.compatibility.catalogues import TABLES, TODAY, random_entry, random_image, random_node

Images = dict[int, CatalogueImage]
Nodes = dict[int, Node]


def grades(images: Images, nodes: Nodes) -> dict[tuple[int, int], Grade]:
    return {
        (image, node): judge(images[image].image, nodes[node], TABLES, TODAY).grade
        for image in images
        for node in nodes
    }


def runs(verdicts: dict[tuple[int, int], Grade]) -> set[tuple[int, int]]:
    return {pair for pair, grade in verdicts.items() if grade in MATCHED_BY_DEFAULT}


def served(pairs: Iterable[tuple[int, int]], images: Images) -> set[tuple[int, str]]:
    """The nodes with the tasks for which they run an image."""
    return {(node, task.casefold()) for image, node in pairs for task in images[image].tasks}


def named(changes: Iterable[ImagesChange]) -> set[int]:
    return {image for change in changes for image in change.images}


def told(changes: Iterable[NodesChange]) -> set[tuple[int, str]]:
    return {(node, change.task) for change in changes for node in change.nodes}


@pytest.mark.parametrize("seed", range(5))
def test_it_is_the_difference_of_all_verdicts(seed: int) -> None:
    dice = random.Random(seed)
    facts = [random_image(dice) for _ in range(12)]
    images = {pk: random_entry(dice, pk, facts) for pk in range(15)}
    images = {pk: image for pk, image in images.items() if not image.image.deleted}
    nodes = {pk: random_node(dice) for pk in range(5)}
    after_images = {pk: image for pk, image in images.items() if dice.random() < 0.7}
    new = random_entry(dice, -1, facts)
    after_images |= {} if new.image.deleted else {-1: new}
    after_nodes = {pk: random_node(dice) if dice.random() < 0.5 else node for pk, node in nodes.items() if pk}
    after_nodes[-1] = random_node(dice)
    index = CatalogueIndex.build(images.values(), TABLES)
    changed = index.with_changes([new], images.keys() - after_images.keys())
    answer = what_if(Fleet(index, list(nodes.items())), Fleet(changed, list(after_nodes.items())), TODAY)
    old_verdicts, new_verdicts = grades(images, nodes), grades(after_images, after_nodes)
    assert {grade: count for grade, count in answer.before.items() if count} == Counter(old_verdicts.values())
    assert {grade: count for grade, count in answer.after.items() if count} == Counter(new_verdicts.values())
    old, later = runs(old_verdicts), runs(new_verdicts)
    old_running, new_running = {image for image, _ in old}, {image for image, _ in later}
    both = images.keys() & after_images.keys()
    assert named(answer.images_gained) == (new_running - old_running) & both
    assert named(answer.images_lost) == (old_running - new_running) & both
    old_served, new_served = served(old, images), served(later, after_images)
    stay = nodes.keys() & after_nodes.keys()
    assert told(answer.nodes_gained) == {pair for pair in new_served - old_served if pair[0] in stay}
    assert told(answer.nodes_lost) == {pair for pair in old_served - new_served if pair[0] in stay}
    for change in (*answer.images_gained, *answer.images_lost):
        assert change.node is None or change.grade == new_verdicts[change.images[0], change.node]
    for each in (*answer.nodes_gained, *answer.nodes_lost):
        assert each.grade == new_verdicts.get((each.image, each.nodes[0]))


def test_nothing_changes_where_nothing_is_changed() -> None:
    dice = random.Random(9)
    index = CatalogueIndex.build([random_entry(dice, pk, [random_image(dice)]) for pk in range(5)], TABLES)
    fleet = Fleet(index, [(1, random_node(dice))])
    answer = what_if(fleet, fleet, TODAY)
    assert answer.before == answer.after
    changes = [answer.images_gained, answer.images_lost, answer.nodes_gained, answer.nodes_lost]
    assert not any(changes)
