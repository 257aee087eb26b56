"""The matrix says of every image on every node what the one-image judge says, and names groups and kinds by what they are."""

import datetime
import random
import subprocess
import sys
from dataclasses import replace

import pytest

from bayplan.domain.compatibility.groups import groups_of, kinds_of
from bayplan.domain.compatibility.image import Image
from bayplan.domain.compatibility.index import CatalogueIndex
from bayplan.domain.compatibility.judge import judge
from bayplan.domain.compatibility.matrix import MOST_VERDICTS, Matrix, matrix
from bayplan.domain.compatibility.node import Node
from bayplan.domain.compatibility.order import CatalogueImage
from bayplan.errors import Invalid
from tests.domain.compatibility.catalogues import TABLES, TODAY, random_entry, random_image, random_node

A6000 = Node("550.54.15", "8.6", gpu_name="NVIDIA RTX A6000", architecture="amd64")


def entry(pk: int, image: Image, version: str = "1") -> CatalogueImage:
    return CatalogueImage(pk, version, image, ("train",), "od", name=f"image-{pk}")


def compare(table: Matrix, images: dict[int, CatalogueImage], nodes: dict[int, Node]) -> None:
    """Every pair is in the matrix once, with the judge's verdict."""
    assert sorted(pk for group in table.groups for pk in group.images) == sorted(images)
    assert sorted(pk for kind in table.kinds for pk in kind.nodes) == sorted(nodes)
    assert len({group.identifier for group in table.groups}) == len(table.groups)
    assert len({kind.identifier for kind in table.kinds}) == len(table.kinds)
    for group in table.groups:
        for kind in table.kinds:
            cell = table.verdicts[group.identifier, kind.identifier]
            for image in group.images:
                for node in kind.nodes:
                    verdict = judge(images[image].image, nodes[node], TABLES, TODAY)
                    assert (verdict.grade, tuple(reason.code for reason in verdict.reasons)) == (cell.grade, cell.codes)


@pytest.mark.parametrize("seed", range(4))
def test_every_cell_is_what_the_judge_says(seed: int) -> None:
    dice = random.Random(seed)
    facts = [random_image(dice) for _ in range(dice.choice((5, 30)))]
    images = {pk: random_entry(dice, pk, facts) for pk in dice.sample(range(1000), 40)}
    live = {pk: image for pk, image in images.items() if not image.image.deleted}
    kinds = [random_node(dice) for _ in range(6)]
    nodes = {pk: dice.choice(kinds) for pk in dice.sample(range(1000), 12)}
    index = CatalogueIndex.build(images.values(), TABLES)
    compare(matrix(index, index.every, nodes.items(), TODAY), live, nodes)
    some = dice.sample(sorted(live), len(live) // 2)
    narrow = matrix(index, index.images_of(some), nodes.items(), TODAY)
    compare(narrow, {pk: live[pk] for pk in some}, nodes)


def test_images_that_need_the_same_are_one_group_whatever_else_they_are() -> None:
    image = Image(cuda="12.4.1", framework="PyTorch", framework_version="2.4", end_of_life=TODAY)
    other = replace(image, cuda="12.1.1")
    for_sound = replace(entry(4, image, "0.5"), domain="sp", tasks=())
    images = [entry(1, image), entry(2, other), entry(3, image, "2"), for_sound]
    index = CatalogueIndex.build(images, TABLES)
    assert [group.images for group in groups_of(index, index.every)] == [[3, 1, 4], [2]]
    assert [group.images for group in groups_of(index, index.images_of([2, 4]))] == [[4], [2]]


def test_an_image_that_differs_on_an_architecture_is_a_group_of_its_own() -> None:
    image = Image(cuda="12.4.1", framework="PyTorch", framework_version="2.4")
    on_arm = replace(image, by_architecture=(("arm64", replace(image, cuda="12.8.1")),))
    same = replace(image, by_architecture=(("arm64", image),))
    index = CatalogueIndex.build([entry(1, image), entry(2, on_arm), entry(3, same)], TABLES)
    assert sorted(group.images for group in groups_of(index, index.every)) == [[1, 3], [2]]


def test_kinds_are_in_the_order_of_their_gpus_and_drivers() -> None:
    h100 = Node("570.86.10", "9.0", gpu_name="NVIDIA H100 80GB HBM3", architecture="amd64")
    older = replace(A6000, driver_version="535.54.03")
    amd = Node("6.10.5", target="gfx942", gpu_name="AMD Instinct MI300X", accelerator="rocm")
    bare = Node(architecture="amd64")
    unread = replace(A6000, cpu_mem_bytes=5)
    nodes = [bare, amd, older, A6000, h100, unread, A6000]
    kinds = kinds_of(enumerate(nodes), TABLES)
    assert [kind.nodes for kind in kinds] == [[4], [3, 5, 6], [2], [1], [0]]
    assert [kind.node.driver_version for kind in kinds] == ["570.86.10", "550.54.15", "535.54.03", "6.10.5", None]


def identifiers() -> list[str]:
    """Those of a random catalogue, which has every kind of fact."""
    dice = random.Random(7)
    images = [random_entry(dice, pk, [random_image(dice)]) for pk in range(30)]
    index = CatalogueIndex.build(images, TABLES)
    groups = groups_of(index, index.every)
    kinds = kinds_of(enumerate(random_node(dice) for _ in range(10)), TABLES)
    return [group.identifier for group in groups] + [kind.identifier for kind in kinds]


def test_an_identifier_is_the_same_in_every_process_and_every_catalogue() -> None:
    here = identifiers()
    assert all(len(identifier) == 12 for identifier in here)
    program = "from tests.domain.compatibility.test_matrix import identifiers; print(*identifiers())"
    there = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.split()
    assert there == here
    image = Image(cuda="12.4.1")
    alone, others = ([entry(9, image)], [entry(1, image), entry(2, Image(cuda="11.8.0"))])
    first, second = (CatalogueIndex.build(images, TABLES) for images in (alone, others))
    names = [{group.identifier for group in groups_of(index, index.every)} for index in (first, second)]
    assert names[0] < names[1]


def test_an_empty_catalogue_or_fleet_is_an_empty_matrix() -> None:
    index = CatalogueIndex.build([entry(1, Image(cuda="12.4.1"))], TABLES)
    empty = CatalogueIndex.build([], TABLES)
    assert matrix(empty, empty.every, [(1, A6000)], TODAY).columns == [[]]
    assert matrix(index, index.every, [], TODAY).columns == []
    assert matrix(index, 0, [(1, A6000)], TODAY).groups == []


def test_a_matrix_has_a_bound() -> None:
    images = [entry(pk, Image(min_gpu_memory_bytes=pk)) for pk in range(1_001)]
    index = CatalogueIndex.build(images, TABLES)
    nodes = [(pk, replace(A6000, gpu_mem_bytes=pk)) for pk in range(1_000)]
    with pytest.raises(Invalid, match="1,001 groups of images by 1,000 kinds of nodes") as refusal:
        matrix(index, index.every, nodes, TODAY)
    assert refusal.value.problems[0].field == "filter"
    assert MOST_VERDICTS == 1_000_000


def test_what_matches_keep_stays_kept() -> None:
    """A matrix of many kinds leaves the verdicts that the index keeps for matches alone."""
    index = CatalogueIndex.build([entry(1, Image(cuda="12.4.1"))], TABLES)
    kept = index.verdicts(A6000, TODAY)
    nodes = [(number, replace(A6000, driver_version=f"550.54.{number}")) for number in range(100)]
    assert len(matrix(index, index.every, nodes, TODAY).kinds) == 100
    assert index.verdicts(A6000, TODAY) is kept
    assert index.verdicts(A6000, TODAY + datetime.timedelta(1)) is not kept
