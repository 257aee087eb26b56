"""The driver upgrades worth making: what they say equals the judge asked anew with the other driver."""

import datetime
import random
from collections.abc import Iterable, Sequence
from dataclasses import replace

import pytest

from bayplan.domain.compatibility.groups import ImageGroup
from bayplan.domain.compatibility.image import Image
from bayplan.domain.compatibility.index import CatalogueIndex
from bayplan.domain.compatibility.judge import judge
from bayplan.domain.compatibility.node import Node
from bayplan.domain.compatibility.node_capabilities import NodeCapabilities
from bayplan.domain.compatibility.order import CatalogueImage
from bayplan.domain.compatibility.overrides import overridden
from bayplan.domain.compatibility.tables import load
from bayplan.domain.compatibility.upgrades import DriverUpgrade, KindUpgrades, best_of, branches_for, upgrades
from bayplan.domain.compatibility.verdict import MATCHED_BY_DEFAULT, Grade
from tests.domain.compatibility.catalogues import random_image, random_node

TABLES, TODAY = load(), datetime.date(2026, 11, 29)
A100 = Node("535.104.05", "8.0", gpu_name="NVIDIA A100-SXM4-80GB", gpu_brand="Tesla", architecture="amd64")
V100 = replace(A100, compute_capability="7.0", gpu_name="Tesla V100-SXM2-16GB")
CUDA_13 = Image(cuda="13.0.0", architectures=("amd64",))
CUDA_12_8 = Image(cuda="12.8.1", architectures=("amd64",))
PINNED = Image(cuda="12.2.2", architectures=("amd64",), compat_activation="always")


def of(images: dict[int, Image], *nodes: Node) -> dict[str, KindUpgrades]:
    """The upgrades by the name of the GPU."""
    catalogue = [CatalogueImage(pk, "1", image, ("train",), "od") for pk, image in images.items()]
    found = upgrades(CatalogueIndex.build(catalogue, TABLES), enumerate(nodes), TODAY)
    assert [place for place, _ in enumerate(found.groups)] == list(range(len(images))), "each image is a group"
    return {str(kind.kind.node.gpu_name): kind for kind in found.kinds}


def branches(kind: KindUpgrades) -> list[int]:
    """The branches of the upgrades, as they are listed."""
    return [upgrade.branch.branch for upgrade in kind.upgrades]


def test_maintained_branches_that_support_the_gpu_are_listed_with_the_smallest_first() -> None:
    kinds = of({1: CUDA_13, 2: CUDA_12_8}, A100, V100)
    assert branches(kinds["NVIDIA A100-SXM4-80GB"]) == [580, 595, 620]
    assert branches(kinds["Tesla V100-SXM2-16GB"]) == [580], "the last branch for Volta"
    first = kinds["NVIDIA A100-SXM4-80GB"].upgrades[0]
    assert first.driver.startswith("580.")
    assert (first.branch.end_of_life, first.is_long_term) == (datetime.date(2028, 6, 30), True)
    assert (first.unlocks, first.makes_native, first.gained, first.more_native) == ((0,), (1,), 1, 2)
    assert kinds["NVIDIA A100-SXM4-80GB"].best is first, "the larger ones give nothing more"


def test_what_it_breaks_has_the_code_of_the_worst_reason() -> None:
    (kind,) = of({1: PINNED, 2: CUDA_13}, A100).values()
    assert [set(map(str, upgrade.breaks.values())) for upgrade in kind.upgrades] == [{"compat_older_than_driver"}] * 3
    assert [upgrade.gained for upgrade in kind.upgrades] == [0, 0, 0], "one more and one less"


def test_kinds_without_an_upgrade_are_left_out() -> None:
    newest = replace(A100, driver_version="620.10.01")
    no_driver = replace(A100, driver_version=None)
    orin = replace(A100, compute_capability="8.7", gpu_name="Orin", architecture="arm64", driver_version="540.4.0")
    amd = Node("6.10.5", target="gfx942", gpu_name="AMD Instinct MI300X")
    assert of({1: CUDA_13}, newest, no_driver, orin, amd, Node(cpu_mem_bytes=1)) == {}


def test_a_gpu_without_a_maintained_branch_gets_the_last_one() -> None:
    kepler = Node("418.87.00", "3.5", gpu_name="Tesla K40m", gpu_brand="Tesla", architecture="amd64")
    rows = branches_for(NodeCapabilities(kepler, TABLES), TABLES, TODAY)
    assert [row.branch for row, _ in rows] == [470]
    gone = branches_for(NodeCapabilities(A100, TABLES), TABLES, datetime.date(2040, 1, 1))
    assert gone == [], "of a GPU that newer branches support, old ones are not worth it"


def test_an_upgrade_away_from_the_end_of_life_is_worth_making_alone() -> None:
    old = Image(cuda="11.8.0", architectures=("amd64",))
    (kind,) = of({1: old}, A100).values()
    assert branches(kind) == [580, 595, 620]
    assert kind.best is kind.upgrades[0], "long-term support, and the smallest"
    assert of({1: old}, replace(A100, driver_version="595.71.05")) == {}, "it is maintained, and nothing is gained"


@pytest.mark.parametrize("seed", range(4))
def test_it_says_what_the_judge_says_with_the_other_driver(seed: int) -> None:
    dice = random.Random(seed)
    images = {pk: replace(random_image(dice), deleted=False) for pk in range(1, 40)}
    index = CatalogueIndex.build([CatalogueImage(pk, "1", image, (), "od") for pk, image in images.items()], TABLES)
    nodes = dict(enumerate([random_node(dice) for _ in range(25)] + [A100, V100]))
    found = upgrades(index, nodes.items(), TODAY)
    assert found.kinds
    seen = 0
    for kind in found.kinds:
        node = nodes[kind.kind.nodes[0]]
        drivers = [upgrade.branch.branch for upgrade in kind.upgrades]
        assert drivers == sorted(drivers)
        assert kind.best == best_of(kind.upgrades)
        before = {pk: judge(image, node, TABLES, TODAY).grade for pk, image in images.items()}
        for upgrade in kind.upgrades:
            assert upgrade.unlocks or upgrade.makes_native or upgrade.branch.end_of_life
            _compare(upgrade, found.groups, images, before, overridden(node, {"driver_version": upgrade.driver}))
            seen += 1
    assert seen > 2


def _compare(
    upgrade: DriverUpgrade, groups: Sequence[ImageGroup], images: dict[int, Image], before: dict[int, Grade], node: Node
) -> None:
    after = {pk: judge(image, node, TABLES, TODAY) for pk, image in images.items()}

    def pks(places: Iterable[int]) -> set[int]:
        return {pk for place in places for pk in groups[place].images}

    ran = {pk for pk, grade in before.items() if grade in MATCHED_BY_DEFAULT}
    runs = {pk for pk, verdict in after.items() if verdict.grade in MATCHED_BY_DEFAULT}
    native = {pk for pk, verdict in after.items() if verdict.grade is Grade.NATIVE}
    was_native = {pk for pk, grade in before.items() if grade is Grade.NATIVE}
    assert pks(upgrade.unlocks) == runs - ran
    assert pks(upgrade.makes_native) == (native - was_native) & ran
    assert pks(upgrade.breaks) == ran - runs
    assert (upgrade.gained, upgrade.more_native) == (len(runs) - len(ran), len(native) - len(was_native))
    for place, code in upgrade.breaks.items():
        for pk in groups[place].images:
            assert after[pk].reasons[0].code == code
