"""What a rule reads of an image and of a node is what it declares: nothing else changes its result."""

import random
from collections.abc import Iterator
from dataclasses import fields, replace
from typing import TypeVar

import pytest

from bayplan.domain.compatibility.derived_facts import DERIVED_FACTS, image_fields
from bayplan.domain.compatibility.image import Image, framework_kernels
from bayplan.domain.compatibility.image_requirements import ImageRequirements
from bayplan.domain.compatibility.index import CatalogueIndex
from bayplan.domain.compatibility.judge import judge
from bayplan.domain.compatibility.match import match, verdicts_for_nodes
from bayplan.domain.compatibility.node import Node
from bayplan.domain.compatibility.node_capabilities import NodeCapabilities
from bayplan.domain.compatibility.order import CatalogueImage
from bayplan.domain.compatibility.pairing import Pairing
from bayplan.domain.compatibility.question import MatchQuery
from bayplan.domain.compatibility.rules import RULES, Rule, RuleSet
from bayplan.domain.compatibility.rules.reasons import no
from bayplan.domain.compatibility.verdict import Grade, Reason, ReasonCode
from tests.domain.compatibility.catalogues import TABLES, TODAY, random_image, random_node

PAIRS = 1_500
Facts = TypeVar("Facts", Image, Node)


def pairing(image: Image, node: Node) -> Pairing:
    return Pairing(ImageRequirements(image, TABLES), NodeCapabilities(node, TABLES), TODAY)


def varied(facts: Facts, other: Facts, declared: frozenset[str]) -> Facts:
    """The facts with every field that is not declared taken from others."""
    return replace(
        facts, **{field.name: getattr(other, field.name) for field in fields(other) if field.name not in declared}
    )


def differences(rule: Rule) -> Iterator[tuple[Image, Image, Node, Node]]:
    """Pairs of images and of nodes that differ only in what the rule does not declare, and for which it gives something else."""
    dice = random.Random(str(rule.check.__name__))
    for _ in range(PAIRS):
        image, node = random_image(dice), random_node(dice)
        other_image = varied(image, random_image(dice), rule.image_fields)
        other_node = varied(node, random_node(dice), rule.node_fields)
        if rule.check(pairing(image, node)) != rule.check(pairing(other_image, other_node)):
            yield image, other_image, node, other_node


@pytest.mark.parametrize("rule", RULES.all, ids=lambda rule: rule.check.__name__)
def test_a_rule_reads_only_what_it_declares(rule: Rule) -> None:
    assert next(differences(rule), None) is None


@pytest.mark.parametrize(
    "rule", [rule for rule in RULES.all if rule.by_grades is not None], ids=lambda rule: rule.check.__name__
)
def test_a_rule_by_grades_reads_nothing_else_of_driver_and_kernels(rule: Rule) -> None:
    assert rule.by_grades is not None
    dice, compared = random.Random(7), 0
    own = image_fields(rule.image)
    for _ in range(PAIRS * 4):
        node = random_node(dice)
        image = random_image(dice)
        first, second = pairing(image, node), pairing(varied(image, random_image(dice), own), node)
        if rule.by_grades(first.by_driver, first.by_kernels) == rule.by_grades(second.by_driver, second.by_kernels):
            compared += 1
            assert rule.check(first) == rule.check(second)
    assert compared > PAIRS


def test_every_rule_says_something_for_some_of_the_random_pairs() -> None:
    dice = random.Random(1)
    silent = set(RULES.all)
    for _ in range(4 * PAIRS):
        pair = pairing(random_image(dice), random_node(dice))
        silent -= {rule for rule in silent if rule.check(pair) is not None}
    assert [rule.check.__name__ for rule in silent] == []


def test_every_declared_fact_exists() -> None:
    of_images = {field.name for field in fields(Image)}
    of_nodes = {field.name for field in fields(Node)}
    for rule in RULES.all:
        assert set(rule.image) <= of_images | set(DERIVED_FACTS)
        assert rule.image_fields <= of_images
        assert rule.node_fields <= of_nodes


def test_what_a_rule_reads_and_does_not_declare_is_noticed() -> None:
    def reads_memory(pair: Pairing) -> Reason | None:
        return toolkit(pair) if (pair.node.reported.cpu_mem_bytes or 0) > 1 else None

    def reads_cpu(pair: Pairing) -> Reason | None:
        return toolkit(pair) if pair.image.declared.cpu else None

    assert next(differences(Rule(reads_memory, node=("toolkit_version",))), None) is not None
    assert next(differences(Rule(reads_memory, node=("toolkit_version", "cpu_mem_bytes"))), None) is None
    assert next(differences(Rule(reads_cpu, node=("toolkit_version",))), None) is not None


# A new rule on a fact that no other rule reads

OTHERS = RuleSet(
    general=tuple(rule for rule in RULES.general if "toolkit_version" not in rule.node),
    gpu=tuple(rule for rule in RULES.gpu if "toolkit_version" not in rule.node),
)
"""All rules but those on the container toolkit, so that the tests below hold once there is one."""


def toolkit(pair: Pairing) -> Reason | None:
    """A rule on the version of the container toolkit."""
    version = pair.node.reported.toolkit_version
    if version != "1.17.3":
        return None
    return no(ReasonCode.START_CONDITION, found=version, detail=f"Toolkit {version} has a fault.", source="a test")


@pytest.mark.parametrize("place", ["general", "gpu"])
def test_a_new_rule_is_heard_once_it_declares_what_it_reads(place: str) -> None:
    image = Image(cuda="12.1.1", kernel_architectures=framework_kernels("8.0"))
    node = Node("535.104.05", "8.6", gpu_name="NVIDIA RTX A6000", architecture="amd64", toolkit_version="1.17.3")
    for declared, grade in ((("toolkit_version",), Grade.NO), ((), Grade.NATIVE)):
        rule = Rule(toolkit, node=declared)
        rules = replace(OTHERS, **{place: (*getattr(OTHERS, place), rule)})
        index = CatalogueIndex.build([CatalogueImage(1, "1", image, (), "od")], TABLES, rules)
        ((_, verdict),) = match(MatchQuery(node, grades=frozenset(Grade)), index, TODAY).matches
        assert verdict.grade is grade
        assert verdict == judge(image, node, TABLES, TODAY, rules)
        assert verdicts_for_nodes(image, [(1, node)], TABLES, TODAY, rules) == ((1, verdict),)
        other = replace(node, toolkit_version="1.17.4")
        assert index.verdicts(other, TODAY).grades_by_pk() == {1: Grade.NATIVE}


def test_a_kind_of_node_has_what_rules_declare_and_nothing_else() -> None:
    node = Node("535.104.05", "8.6", gpu_mem_bytes=1, cpu_mem_bytes=2, architecture="amd64", toolkit_version="1.17.3")
    assert OTHERS.kind(node) == Node("535.104.05", "8.6", gpu_mem_bytes=1, architecture="amd64")
    without = RuleSet((), ())
    assert without.kind(node) == Node("535.104.05", "8.6", architecture="amd64")


# Codes


def test_a_code_that_does_not_exist_is_an_error_of_types() -> None:
    """`warn_unused_ignores` makes `make lint` fail here where mypy would let these pass."""
    reason = Reason(Grade.NO, "no_such_code", None, None, "", None, "")  # type: ignore[arg-type]  # must be an error
    assert reason.code not in set(ReasonCode)
    with pytest.raises(AttributeError):
        no(ReasonCode.NO_SUCH_CODE, detail="", source="")  # type: ignore[attr-defined]  # must be an error


def test_a_code_is_its_text_and_has_a_meaning() -> None:
    assert ReasonCode("driver_too_old") is ReasonCode.DRIVER_TOO_OLD
    assert f"{ReasonCode.DRIVER_TOO_OLD}" == ReasonCode.DRIVER_TOO_OLD.value == "driver_too_old"
    assert all(code.meaning.endswith(".") for code in ReasonCode)
