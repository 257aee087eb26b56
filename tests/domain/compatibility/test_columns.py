"""Sets of places move with the images, and the filters' sets are those of the images."""

import gc
import random
import weakref
from dataclasses import replace

import pytest

from bayplan.domain.compatibility.bits import from_places, lowest, move, places
from bayplan.domain.compatibility.image import Image
from bayplan.domain.compatibility.index import CatalogueIndex
from bayplan.domain.compatibility.node import Node
from bayplan.domain.compatibility.order import CatalogueImage
from tests.domain.compatibility.catalogues import TABLES, TODAY, random_entry, random_image


@pytest.mark.parametrize("changes", [0, 1, 2, 5, 30, 200])
@pytest.mark.parametrize("size", [0, 1, 8, 300])
def test_a_set_moves_as_a_list_does(size: int, changes: int) -> None:
    dice = random.Random(size * 1000 + changes)
    for _ in range(20):
        before = [dice.random() < 0.4 for _ in range(size)]
        removed = sorted(dice.sample(range(size), min(size, dice.randint(0, changes))))
        after: list[bool | None] = [member for place, member in enumerate(before) if place not in removed]
        for _ in range(changes):
            after.insert(dice.randint(0, len(after)), None)
        inserted = [place for place, member in enumerate(after) if member is None]
        bits = from_places((place for place, member in enumerate(before) if member), size)
        moved = move(removed, inserted, size)(bits)
        assert list(places(moved)) == [place for place, member in enumerate(after) if member]


def test_one_image_in_the_place_of_another_leaves_the_others() -> None:
    assert move([3], [3], 5)(0b11111) == 0b10111
    assert move([3], [3], 5)(0b00111) == 0b00111


def test_the_lowest_place() -> None:
    assert [lowest(bits) for bits in (1, 2, 12, 1 << 70)] == [0, 1, 2, 70]


@pytest.mark.parametrize("seed", range(3))
def test_the_sets_of_filters_are_those_of_the_images(seed: int) -> None:
    dice = random.Random(seed)
    facts = [random_image(dice) for _ in range(30)]
    images = {pk: random_entry(dice, pk, facts) for pk in range(100)}
    index = CatalogueIndex.build(images.values(), TABLES)
    for _ in range(5):
        new = [random_entry(dice, dice.randrange(130), facts) for _ in range(dice.choice((1, 3, 40)))]
        gone = dice.sample(range(130), 3)
        images |= {image.pk: image for image in new}
        for pk in gone:
            if pk not in {image.pk for image in new}:
                images.pop(pk, None)
        index = index.with_changes(new, [pk for pk in gone if pk not in images])
        there = [image for image in images.values() if not image.image.deleted]
        assert len(index) == len(there)
        for number in range(9):
            assert sorted(index.pks(index.with_framework(number))) == sorted(
                image.pk for image in there if image.framework == number
            )
        for cuda in (None, *range(60)):
            assert sorted(index.pks(index.with_cuda(cuda))) == sorted(image.pk for image in there if image.cuda == cuda)
        for domain in ("od", "OD", "none"):
            assert sorted(index.pks(index.of_domain(domain))) == sorted(
                image.pk for image in there if image.domain == domain
            )
        for task in ("TRAIN", "predict", "none"):
            assert sorted(index.pks(index.for_task(task))) == sorted(
                image.pk for image in there if task.casefold() in {name.casefold() for name in image.tasks}
            )
        few, many = dice.sample(range(200), 3), dice.sample(range(200), 120)
        for pks in (few, many):
            assert set(index.pks(index.images_of(pks))) == set(pks) & {image.pk for image in there}


def test_an_index_without_changes_is_the_same_one() -> None:
    index = CatalogueIndex.build([CatalogueImage(1, "1", Image(cuda="12.1.1"), ("train",), "od")], TABLES)
    assert index.with_changes() is index
    assert index.with_changes((), [2, 3]) is index
    assert len(index.with_changes((), [1])) == 0


def test_equal_images_share_what_is_parsed() -> None:
    images = [CatalogueImage(pk, str(pk), Image(cuda="12.1.1"), ("train",), "od") for pk in range(3)]
    index = CatalogueIndex.build(images[:2], TABLES).with_changes(images[2:])
    assert len({id(requirements) for _, _, _, requirements, _ in index.order.entries}) == 1


def test_an_index_that_nobody_reads_any_more_is_gone_at_once() -> None:
    images = [CatalogueImage(pk, str(pk), Image(cuda="12.1.1"), ("train",), "od") for pk in range(3)]
    index = CatalogueIndex.build(images, TABLES)
    index.verdicts(Node("535.104.05", "8.6"), TODAY)
    before = weakref.ref(index)
    gc.disable()
    try:
        index = index.with_changes(removed=[1])
        assert before() is None
    finally:
        gc.enable()
    assert index.pks(index.every) == [2, 0]


def test_what_is_changed_and_removed_at_once_is_removed() -> None:
    image = CatalogueImage(1, "1", Image(cuda="12.1.1"), ("train",), "od")
    index = CatalogueIndex.build([image], TABLES)
    assert len(index.with_changes([image], [1])) == 0
    assert len(index.with_changes([replace(image, image=replace(image.image, deleted=True))])) == 0


def test_a_write_that_changes_nothing_of_the_index_leaves_it() -> None:
    image = CatalogueImage(1, "1", Image(cuda="12.1.1"), ("train", "predict"), "od", framework=3, cuda=4)
    index = CatalogueIndex.build([image], TABLES)
    assert index.with_changes([replace(image, image=Image(cuda="12.1.1"), tasks=("predict", "train"))]) is index
    others = [
        replace(image, version="2"), replace(image, image=Image(cuda="12.1.1", cpu=True)), replace(image, domain="ic"),
        replace(image, tasks=("train",)), replace(image, tasks=("train", "predict", "export")), replace(image, tasks=()),
        replace(image, framework=5), replace(image, cuda=5), replace(image, pk=2),
    ]  # fmt: skip
    for other in others:
        changed = index.with_changes([other], [1] if other.pk == 2 else [])
        assert changed is not index
        assert set(changed.attributes["task"].within(1)) == set(other.tasks)
        assert changed.pks(changed.of_domain(other.domain)) == [other.pk]
        assert changed.pks(changed.with_framework(other.framework or 0)) == [other.pk]
        assert changed.pks(changed.with_cuda(other.cuda)) == [other.pk]
