"""Remedies are tried on the judge: what is offered leads to a verdict that runs, alone or together."""

from dataclasses import replace

from bayplan.domain.compatibility.image import Image
from bayplan.domain.compatibility.judge import judge
from bayplan.domain.compatibility.node import Node
from bayplan.domain.compatibility.pairing import Pairing
from bayplan.domain.compatibility.rules import Rule, RuleSet
from bayplan.domain.compatibility.rules.reasons import (
    advice,
    change_image,
    change_node,
    no,
    other_image,
    unknown,
    upgrade_driver,
)
from bayplan.domain.compatibility.verdict import Grade, Reason, ReasonCode, Remedy, Verdict
from bayplan.domain.versions import DriverVersion
from tests.domain.compatibility.examples import TABLES, TODAY

NODE = Node(driver_version="535.104.05", compute_capability="8.6", architecture="amd64")
IMAGE = Image(cuda="12.4.1", min_driver="550.54.15")


def needs_550(pairing: Pairing) -> Reason | None:
    """A rule that a newer driver mends, or a setting of the image."""
    driver = DriverVersion.parse("550.54.15")
    if pairing.image.declared.disable_require or (pairing.node.driver or driver) >= driver:
        return None
    ignore = change_image("ignore it", disable_require=True)
    return no(
        ReasonCode.DRIVER_TOO_OLD, detail="550.", remedies=[ignore, upgrade_driver(pairing, driver)], source="a test"
    )


def needs_toolkit(pairing: Pairing) -> Reason | None:
    """A rule that a newer toolkit mends."""
    if pairing.node.reported.toolkit_version == "2":
        return None
    newer = change_node("install toolkit 2", toolkit_version="2")
    return no(ReasonCode.START_CONDITION, detail="2.", remedies=[newer], source="a test")


def refuses_toolkit(pairing: Pairing) -> Reason | None:
    """A rule that the toolkit which mends the other one breaks."""
    if pairing.node.reported.toolkit_version != "2":
        return None
    return no(ReasonCode.FABRIC_NOT_READY, detail="Not 2.", remedies=[], source="a test")


def asks_for_fabric(pairing: Pairing) -> Reason | None:
    """A rule that lacks a fact."""
    if pairing.node.reported.fabric_ready is not None:
        return None
    return unknown("Not known.", remedies=[advice("report fabric_ready")], source="a test")


DRIVER = Rule(needs_550, image=("disable_require",), node=("driver_version", "compute_capability"))
TOOLKIT = Rule(needs_toolkit, node=("toolkit_version",))
NOT_TOOLKIT = Rule(refuses_toolkit, node=("toolkit_version",))
FABRIC = Rule(asks_for_fabric, node=("fabric_ready",))


def verdict(*rules: Rule, node: Node = NODE, image: Image = IMAGE) -> Verdict:
    return judge(image, node, TABLES, TODAY, RuleSet((), rules))


def remedies(*rules: Rule, node: Node = NODE, image: Image = IMAGE) -> list[str | None]:
    return [reason.remedy for reason in verdict(*rules, node=node, image=image).reasons]


def test_each_remedy_that_makes_the_image_run_is_offered_in_the_rules_order() -> None:
    assert remedies(DRIVER) == ["Ignore it, or upgrade the driver to 550.54.15 or later."]
    (reason,) = verdict(DRIVER).reasons
    assert [remedy.text for remedy in reason.remedies] == ["ignore it", "upgrade the driver to 550.54.15 or later"]


def test_a_remedy_that_does_more_than_an_earlier_one_is_not_offered() -> None:
    newest = replace(IMAGE, cuda="12.8.1", min_driver=None)
    newer, more = Image(cuda="12.9.1"), Node("575.57.08", "8.6", architecture="amd64")

    def needs_129(pairing: Pairing) -> Reason | None:
        if pairing.image.declared.cuda == newer.cuda:
            return None
        use = other_image("use CUDA 12.9", cuda=newer.cuda)
        both = Remedy(
            "upgrade, and use CUDA 12.9", (("driver_version", more.driver_version),), use.image, other_image=True
        )
        toolkit = Remedy(
            "install toolkit 2, and use CUDA 12.9", (("toolkit_version", "2"),), use.image, other_image=True
        )
        return no(ReasonCode.GPU_NEWER_THAN_CUDA, detail="12.9.", remedies=[use, both, toolkit], source="a test")

    rule = Rule(needs_129, image=("cuda_text",), node=("driver_version", "toolkit_version"))
    assert remedies(rule, image=newest) == ["Use CUDA 12.9."]
    # Where the first does not help alone, each that does is one alternative.
    again = Rule(
        lambda pairing: None if pairing.node.driver == DriverVersion.parse("575.57.08") else needs_toolkit(pairing),
        node=("driver_version", "toolkit_version"),
    )
    assert remedies(rule, again, image=newest)[0] == (
        "Upgrade, and use CUDA 12.9; or install toolkit 2, and use CUDA 12.9."
    )


def test_remedies_that_mend_their_own_reason_alone_are_offered_together() -> None:
    both = "Ignore it, and install toolkit 2."
    assert remedies(DRIVER, TOOLKIT) == [both, both]


def test_a_remedy_that_mends_both_reasons_is_offered_by_both() -> None:
    again = replace(DRIVER, check=lambda pairing: needs_550(pairing))
    assert remedies(DRIVER, again)[0] == remedies(DRIVER)[0] == remedies(DRIVER, again)[1]


def test_a_remedy_that_leads_into_another_refusal_is_not_offered() -> None:
    assert remedies(TOOLKIT, NOT_TOOLKIT) == ["No change of this node is known to make it run: use another image."]


def test_after_a_remedy_it_may_not_be_known_whether_the_image_runs_and_the_sentence_says_so() -> None:
    actual = verdict(TOOLKIT, FABRIC)
    assert [(reason.grade, reason.remedy) for reason in actual.reasons] == [
        (Grade.NO, "Install toolkit 2; whether it runs then is not known."),
        (Grade.UNKNOWN, "Report fabric_ready."),
    ]


def test_no_driver_is_offered_that_the_gpu_never_got() -> None:
    kepler = replace(NODE, compute_capability="3.5", driver_version="470.57.02")
    assert remedies(DRIVER, node=kepler) == ["Ignore it."]
