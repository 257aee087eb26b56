"""What-if says what comparing every single verdict says, before and after."""

import random
from collections import Counter
from collections.abc import Iterable
from itertools import product

import pytest

from bayplan.domain.compatibility.comparison import compared
from bayplan.domain.compatibility.index import CatalogueIndex
from bayplan.domain.compatibility.judge import judge
from bayplan.domain.compatibility.matrix import matrix
from bayplan.domain.compatibility.node import Node
from bayplan.domain.compatibility.node_capabilities import NodeCapabilities
from bayplan.domain.compatibility.order import CatalogueImage
from bayplan.domain.compatibility.overrides import overridden, takes_driver
from bayplan.domain.compatibility.rules import RULES
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


@pytest.mark.parametrize("seed", range(5))
def test_both_matrices_side_by_side_have_every_verdict(seed: int) -> None:
    """Also where cells are taken from a matrix of other images and nodes."""
    dice = random.Random(seed)
    facts = [random_image(dice) for _ in range(12)]
    images = {pk: random_entry(dice, pk, facts) for pk in range(20)}
    images = {pk: image for pk, image in images.items() if not image.image.deleted}
    nodes = {pk: random_node(dice) for pk in range(8)}
    retired = {pk for pk in images if dice.random() < 0.3}
    after_nodes = {pk: random_node(dice) if dice.random() < 0.3 else node for pk, node in nodes.items() if pk}
    after_nodes[-1] = random_node(dice)
    index = CatalogueIndex.build(images.values(), TABLES)
    some = dict(list(nodes.items())[:5])
    judged = matrix(index, index.images_of(sorted(images)[:9]), some.items(), TODAY)
    before, after = (
        Fleet(index, list(nodes.items())),
        Fleet(index.with_changes((), retired), list(after_nodes.items())),
    )
    answer = what_if(before, after, TODAY, judged)
    anew = what_if(before, after, TODAY)
    assert (answer.before, answer.after) == (anew.before, anew.after)
    assert (answer.images_lost, answer.nodes_gained) == (anew.images_lost, anew.nodes_gained)
    sides = compared(answer)
    assert sorted(pk for row in sides.rows for pk in row.members) == sorted(images)
    assert sorted(pk for column in sides.columns for pk in column.members) == sorted({*nodes, *after_nodes})
    old_verdicts = grades(images, nodes)
    new_verdicts = grades({pk: image for pk, image in images.items() if pk not in retired}, after_nodes)
    for row, column in product(sides.rows, sides.columns):
        old, new = (None if cell is None else cell.grade for cell in sides.cells(row, column))
        for pair in product(row.members, column.members):
            assert (old, new) == (old_verdicts.get(pair), new_verdicts.get(pair))
    for row in sides.rows:
        for verdicts, count in zip((old_verdicts, new_verdicts), sides.nodes(row), strict=True):
            assert count == sum(image == row.members[0] for image, _ in runs(verdicts))
    for column in sides.columns:
        for verdicts, count in zip((old_verdicts, new_verdicts), sides.images(column), strict=True):
            assert count == sum(node == column.members[0] for _, node in runs(verdicts))
    # Those that change come first, and no other has another verdict.
    unchanged = [
        *product(sides.rows[sides.changed_rows :], sides.columns),
        *product(sides.rows, sides.columns[sides.changed_columns :]),
    ]
    for row, column in unchanged:
        before_and_after = sides.cells(row, column)
        assert len({cell.grade for cell in before_and_after if cell is not None}) < 2


def test_a_kind_takes_another_driver_as_its_nodes_do() -> None:
    """A plan is made of kinds, which have no fact that no rule reads."""
    dice = random.Random(3)
    for _ in range(300):
        node, facts = random_node(dice), {"driver_version": dice.choice(("450.51.06", "535.104.05", "580", "6.8.5"))}
        kind = RULES.kind(node)
        assert RULES.kind(overridden(node, facts)) == RULES.kind(overridden(kind, facts))
        assert takes_driver(NodeCapabilities(node, TABLES)) == takes_driver(NodeCapabilities(kind, TABLES))


def test_nothing_changes_where_nothing_is_changed() -> None:
    dice = random.Random(9)
    index = CatalogueIndex.build([random_entry(dice, pk, [random_image(dice)]) for pk in range(5)], TABLES)
    fleet = Fleet(index, [(1, random_node(dice))])
    answer = what_if(fleet, fleet, TODAY)
    assert answer.before == answer.after
    changes = [answer.images_gained, answer.images_lost, answer.nodes_gained, answer.nodes_lost]
    assert not any(changes)
