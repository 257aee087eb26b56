"""Every remedy that is offered for random images on random nodes leads to a verdict that runs."""

import random
from collections import Counter
from dataclasses import replace

from bayplan.domain.compatibility.image import Image
from bayplan.domain.compatibility.image_requirements import ImageRequirements
from bayplan.domain.compatibility.index import CatalogueIndex
from bayplan.domain.compatibility.judge import judge
from bayplan.domain.compatibility.match import match
from bayplan.domain.compatibility.node import Node
from bayplan.domain.compatibility.node_capabilities import NodeCapabilities
from bayplan.domain.compatibility.pairing import Pairing
from bayplan.domain.compatibility.question import MatchQuery
from bayplan.domain.compatibility.remedies import blocks
from bayplan.domain.compatibility.rules import RULES
from bayplan.domain.compatibility.verdict import MATCHED_BY_DEFAULT, ORDER, Grade, Reason, Remedy
from tests.domain.compatibility.catalogues import TABLES, TODAY, random_entry, random_image, random_node

NOT_SURE = {"(grade jit)": Grade.JIT, "whether it runs then is not known": Grade.UNKNOWN}
NOTHING_HELPS = "No change of this node is known to make it run: "


def graded_after(remedy: Remedy, image: Image, node: Node) -> Grade:
    """The grade of an image on a node after a remedy's changes of what they say of themselves."""
    here = ImageRequirements(image, TABLES).on(NodeCapabilities(node, TABLES).platform).declared
    changed, other = replace(here, **dict(remedy.image)), replace(node, **dict(remedy.node))  # type: ignore[arg-type]  # fields of the two
    return judge(changed, other, TABLES, TODAY).grade


def check(reason: Reason, grade: Grade, image: Image, node: Node) -> str:
    """Checks the remedies of one reason of a verdict of that grade; gives the kind of its sentence."""
    text = reason.remedy or ""
    assert text.endswith("."), reason
    if reason.grade is Grade.CAVEAT:
        assert not reason.remedies
        return "caveat"
    for remedy in reason.remedies:
        assert remedy.text in text[0].lower() + text[1:], reason
        if not remedy.is_advice and remedy.sibling is None:
            after = graded_after(remedy, image, node)
            expected = next((grade for words, grade in NOT_SURE.items() if remedy.text.endswith(words)), None)
            assert ORDER[after] < ORDER[grade], (remedy, image, node)
            assert after is expected if expected is not None else after in MATCHED_BY_DEFAULT, (remedy, image, node)
    if not blocks(reason):
        assert text.startswith("Nothing is needed")
        return "nothing needed"
    assert reason.remedies
    if all(remedy.is_advice for remedy in reason.remedies):
        assert reason.grade is Grade.UNKNOWN or text.startswith(NOTHING_HELPS)
        return "advice" if reason.grade is Grade.UNKNOWN else "nothing helps"
    return "together" if ", and " in text else "changes"


def test_every_remedy_leads_to_a_verdict_that_runs() -> None:
    dice, kinds = random.Random(11), Counter[str]()
    for _ in range(800):
        image, node = random_image(dice), random_node(dice)
        verdict = judge(image, node, TABLES, TODAY)
        kinds.update(check(reason, verdict.grade, image, node) for reason in verdict.reasons)
    assert (
        min(kinds[kind] for kind in ("caveat", "nothing needed", "advice", "nothing helps", "together", "changes")) > 2
    )


def test_every_sibling_runs() -> None:
    dice, named = random.Random(12), 0
    for _ in range(4):
        images = {pk: random_entry(dice, pk, [random_image(dice) for _ in range(20)]) for pk in range(60)}
        index, node = CatalogueIndex.build(images.values(), TABLES), random_node(dice)
        for pk, verdict in match(MatchQuery(node, grades=frozenset(ORDER)), index, TODAY).matches:
            for reason in verdict.reasons:
                check(reason, verdict.grade, images[pk].image, node)
                for sibling in (remedy.sibling for remedy in reason.remedies if remedy.sibling is not None):
                    grade = judge(images[sibling].image, node, TABLES, TODAY).grade
                    assert grade in MATCHED_BY_DEFAULT
                    assert ORDER[grade] < ORDER[verdict.grade]
                    named += 1
    assert named > 50


def test_no_rule_has_a_remedy_of_what_stands_in_the_way_that_is_not_tried() -> None:
    dice = random.Random(13)
    for _ in range(300):
        image, node = ImageRequirements(random_image(dice), TABLES), NodeCapabilities(random_node(dice), TABLES)
        pairing = Pairing(image, node, TODAY)
        for reason in (rule.check(pairing) for rule in RULES.all):
            assert reason is None or not blocks(reason) or reason.remedy is None, reason
