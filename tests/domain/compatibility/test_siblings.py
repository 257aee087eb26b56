"""Siblings: the image of the catalogue that a remedy names in place of one that does not run."""

from dataclasses import replace
from typing import Any

import pytest

from bayplan.domain.compatibility.image import Image
from bayplan.domain.compatibility.index import CatalogueIndex
from bayplan.domain.compatibility.match import match, sibling_of, verdicts_for_nodes
from bayplan.domain.compatibility.node import Node
from bayplan.domain.compatibility.order import CatalogueImage
from bayplan.domain.compatibility.pairing import Pairing
from bayplan.domain.compatibility.question import MatchQuery
from bayplan.domain.compatibility.rules import RULES, Rule, RuleSet
from bayplan.domain.compatibility.rules.reasons import advice, change_image, no, other_image, unknown, upgrade_driver
from bayplan.domain.compatibility.verdict import ORDER, Reason, ReasonCode, Verdict
from tests.domain.compatibility.examples import TABLES, TODAY

NODE = Node("535.104.05", "8.6", architecture="amd64")


def driver(pairing: Pairing) -> Reason | None:
    """A rule that a setting, another image or a newer driver mends."""
    image, node = pairing.image, pairing.node
    if image.declared.disable_require or image.ships_with is None or node.driver is None:
        return None
    if node.driver >= image.ships_with:
        return None
    return no(
        ReasonCode.DRIVER_TOO_OLD,
        needed=f">={image.ships_with}",
        detail=f"Older than {image.ships_with}.",
        remedies=[
            upgrade_driver(pairing, image.ships_with),
            other_image("use an image built with CUDA 12.2", cuda="12.2"),
            change_image("ignore it", disable_require=True) if image.declared.min_driver else None,
        ],
        source="a test",
    )


def cuda_known(pairing: Pairing) -> Reason | None:
    """A rule that lacks a fact."""
    if pairing.image.cuda is not None:
        return None
    return unknown("The CUDA is not known.", remedies=[advice("enter the image's CUDA version")], source="a test")


withdrawn = next(rule for rule in RULES.general if rule.check.__name__ == "withdrawn")
TESTED = RuleSet(
    (withdrawn,),
    (
        Rule(driver, image=("cuda", "disable_require", "min_driver"), node=("driver_version",)),
        Rule(cuda_known, image=("cuda",)),
    ),
)


def entry(
    pk: int, name: str, version: str, cuda: str | None, framework: str = "PyTorch 2.7", **more: Any
) -> CatalogueImage:
    """An image of a catalogue, for training object detection unless it says otherwise."""
    tasks, domain = more.pop("tasks", ("train",)), more.pop("domain", "od")
    named, framework_version = framework.split()
    image = Image(cuda=cuda, framework=named, framework_version=framework_version)
    return CatalogueImage(pk, version, replace(image, **more), tasks, domain, name=name)


NEW = entry(1, "torch", "2.7-cuda13", "13.0.0")
OTHERS = {
    "older framework": entry(2, "torch", "2.4-cuda12.1", "12.1.1", "PyTorch 2.4"),
    "same version": entry(3, "torch", "2.7-cuda11.8", "11.8.0"),
    "same version, newer": entry(4, "torch", "2.7-cuda12.2", "12.2.2"),
    "other name": entry(5, "lightning", "2.7-cuda12.2", "12.2.2", "pytorch 2.7"),
    "withdrawn": entry(6, "torch", "2.7-cuda12.2b", "12.2.2", withdrawn_reason="bad"),
    "deleted": entry(7, "torch", "2.7-cuda12.2c", "12.2.2", deleted=True),
    "other domain": entry(8, "torch-audio", "1", "12.2.2", domain="sp"),
    "other task": entry(9, "torch-serve", "1", "12.2.2", tasks=("predict",)),
    "other framework": entry(10, "mxnet", "1", "12.2.2", "MXNet 1.9"),
    "nothing in common": entry(11, "paddle", "1", "12.2.2", "Paddle 1.9", domain="sp"),
    "without GPU": entry(12, "torch", "cpu", None, cpu=True),
}


def verdicts(*images: CatalogueImage, node: Node = NODE) -> dict[int, Verdict]:
    index = CatalogueIndex.build(images, TABLES, TESTED)
    return dict(match(MatchQuery(node, grades=frozenset(ORDER)), index, TODAY).matches)


@pytest.mark.parametrize(
    ("others", "name"),
    [
        (["older framework", "same version", "same version, newer", "other name"], "torch 2.7-cuda12.2"),
        (["older framework", "same version", "other name"], "torch 2.7-cuda11.8"),
        (["older framework", "other name"], "torch 2.4-cuda12.1"),
        (["other name", "other domain", "other framework"], "lightning 2.7-cuda12.2"),
        (["other domain", "other task", "other framework"], "torch-audio 1"),
        (["other task", "other framework"], "torch-serve 1"),
        (["other framework", "nothing in common"], "mxnet 1"),
        (["same version", "withdrawn", "deleted"], "torch 2.7-cuda11.8"),
        (["without GPU", "older framework"], "torch 2.4-cuda12.1"),
        (["without GPU"], "torch cpu, which works on the CPU"),
    ],
)  # fmt: skip
def test_the_nearest_image_that_runs_is_named(others: list[str], name: str) -> None:
    (reason,) = verdicts(NEW, *(OTHERS[other] for other in others))[1].reasons
    assert reason.remedy == f"Use {name}, or upgrade the driver to 580.65.06 or later."


@pytest.mark.parametrize("others", [[], ["nothing in common"], ["withdrawn", "deleted"]])
def test_without_one_the_rules_remedies_stay(others: list[str]) -> None:
    (reason,) = verdicts(NEW, *(OTHERS[other] for other in others))[1].reasons
    assert reason.remedy == "Upgrade the driver to 580.65.06 or later, or use an image built with CUDA 12.2."


def test_a_setting_comes_before_another_image_and_a_fact_to_enter_too() -> None:
    setting = replace(NEW, image=replace(NEW.image, min_driver="580"))
    facts = replace(NEW, pk=20, image=replace(NEW.image, cuda=None))
    answer = verdicts(setting, facts, OTHERS["same version"])
    remedies = {pk: verdict.reasons[0].remedy for pk, verdict in answer.items() if verdict.reasons}
    assert remedies == {
        1: "Ignore it, or use torch 2.7-cuda11.8, or upgrade the driver to 580.65.06 or later.",
        20: "Enter the image's CUDA version, or use torch 2.7-cuda11.8.",
    }


def test_a_sibling_follows_the_catalogue() -> None:
    index = CatalogueIndex.build([NEW, OTHERS["same version"]], TABLES, TESTED)

    def named() -> str:
        (_, verdict) = match(MatchQuery(NODE), index, TODAY).rejected[0]
        return (verdict.reasons[0].remedy or "").split(",")[0]

    assert named() == "Use torch 2.7-cuda11.8"
    index = index.with_changes([replace(OTHERS["same version"], name="renamed")])
    assert named() == "Use renamed 2.7-cuda11.8"
    index = index.with_changes([OTHERS["same version, newer"]])
    assert named() == "Use torch 2.7-cuda12.2"
    index = index.with_changes(removed=[3, 4])
    assert named() == "Upgrade the driver to 580.65.06 or later"


def test_the_summary_names_a_sibling_where_there_are_matches() -> None:
    index = CatalogueIndex.build([NEW, OTHERS["same version"]], TABLES, TESTED)
    (line,) = match(MatchQuery(NODE), index, TODAY).summary
    assert line.remedy == "Use torch 2.7-cuda11.8, or upgrade the driver to 580.65.06 or later."
    (line,) = match(MatchQuery(NODE, framework="pytorch==2.7"), index, TODAY, index.images_of([1])).summary
    assert line.remedy == (
        "Upgrade the driver to 580.65.06 or later, or use an image built with CUDA 12.2. That alone would give the first match."
    )


def test_an_image_over_all_nodes_names_the_sibling_of_each() -> None:
    catalogue = [NEW, OTHERS["same version"], OTHERS["without GPU"]]
    index = CatalogueIndex.build(catalogue, TABLES, TESTED)
    nodes = [(1, NODE), (2, replace(NODE, driver_version="580.65.06")), (3, replace(NODE, driver_version="440.33"))]
    answer = dict(verdicts_for_nodes(NEW.image, nodes, TABLES, TODAY, TESTED, sibling=sibling_of(NEW.pk, index, TODAY)))
    assert [(verdict.reasons[0].remedy or "").split(",")[0] for verdict in answer.values() if verdict.reasons] == [
        "Use torch 2.7-cuda11.8",
        "Use torch cpu",
    ]
    for pk, node in nodes:
        ((_, verdict),) = match(MatchQuery(node, grades=frozenset(ORDER)), index, TODAY, index.images_of([1])).matches
        assert verdict == answer[pk]
