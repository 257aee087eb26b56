"""The index says of every image what the one-image judge says, after any changes."""

import os
import random
from collections import Counter
from collections.abc import Mapping, Sequence

import pytest

from bayplan.domain.compatibility.index import CatalogueIndex
from bayplan.domain.compatibility.judge import judge
from bayplan.domain.compatibility.match import MatchResult, match
from bayplan.domain.compatibility.node import Node
from bayplan.domain.compatibility.order import CatalogueImage
from bayplan.domain.compatibility.question import MatchQuery, parse_framework
from bayplan.domain.compatibility.verdict import ORDER, Grade, Reason, Verdict
from bayplan.domain.versions import DriverVersion, read, sort_key
from tests.domain.compatibility.catalogues import TABLES, TODAY, random_entry, random_image, random_node, random_query

ROUNDS = int(os.environ.get("BAYPLAN_FUZZ_ROUNDS", "6"))
"""How many catalogues are tried; `make fuzz-index` tries many more."""

Verdicts = Mapping[int, Verdict]


def in_order(images: Sequence[CatalogueImage]) -> list[CatalogueImage]:
    """The images that are not deleted, in the order that the specification has: sorted again for each key, the last one first."""
    ordered = sorted((image for image in images if not image.image.deleted), key=lambda image: image.pk)
    ordered.sort(key=lambda image: sort_key(image.version), reverse=True)
    ordered.sort(key=lambda image: "" if image.image.cuda is None else sort_key(image.image.cuda), reverse=True)
    ordered.sort(
        key=lambda image: "" if image.image.framework_version is None else sort_key(image.image.framework_version),
        reverse=True,
    )
    ordered.sort(key=lambda image: (image.image.framework is None, (image.image.framework or "").casefold()))
    return ordered


def is_for(image: CatalogueImage, query: MatchQuery) -> bool:
    if query.task is not None and query.task.casefold() not in {task.casefold() for task in image.tasks}:
        return False
    if query.domain is not None and query.domain.casefold() != image.domain.casefold():
        return False
    if query.framework is None:
        return True
    name, versions = parse_framework(query.framework)
    version = image.image.framework_version
    if image.image.framework is None or image.image.framework.casefold() != name:
        return False
    return versions is None or (version not in (None, "main") and versions.contains(version or "", prereleases=True))


def expected(query: MatchQuery, images: Sequence[CatalogueImage], verdicts: Verdicts) -> tuple[object, ...]:
    """What the answer to a question is by the verdicts of each image alone."""
    chosen = [image.pk for image in images if is_for(image, query)]
    best = sorted(chosen, key=lambda pk: ORDER[verdicts[pk].grade])
    matches = tuple((pk, verdicts[pk]) for pk in best if verdicts[pk].grade in query.grades)
    rejected = tuple((pk, verdicts[pk]) for pk in best if verdicts[pk].grade not in query.grades)
    return len(chosen), matches, rejected, expected_summary(query, chosen, verdicts)


def expected_summary(query: MatchQuery, chosen: Sequence[int], verdicts: Verdicts) -> list[tuple[str, int, str | None]]:
    codes_of: dict[int, set[str]] = {}
    blocking: list[tuple[int, Reason]] = []
    for pk in chosen:
        if verdicts[pk].grade not in query.grades:
            reasons = [
                reason
                for reason in verdicts[pk].reasons
                if reason.grade is not Grade.CAVEAT and reason.grade not in query.grades
            ]
            codes_of[pk] = {reason.code for reason in reasons}
            blocking += [(pk, reason) for reason in reasons]
    counts = Counter(code for codes in codes_of.values() for code in codes)

    def effort(rejection: tuple[int, Reason]) -> tuple[bool, tuple[int, ...]]:
        pk, reason = rejection
        driver = read(DriverVersion.parse, (reason.needed or "").removeprefix(">="))
        return len(codes_of[pk]) > 1, () if driver is None else driver.parts

    lines = []
    for code, count in counts.items():
        # The first of those that need least, in the order of the images and of their reasons.
        least = min((rejection for rejection in blocking if rejection[1].code == code), key=effort)
        remedy = least[1].remedy
        if remedy is not None and len(codes_of[least[0]]) == 1 and len(codes_of) == len(chosen):
            remedy += " That alone would give the first match."
        lines.append((str(code), count, remedy))
    return sorted(lines)


def compare(
    index: CatalogueIndex, images: Mapping[int, CatalogueImage], node: Node, queries: Sequence[MatchQuery]
) -> None:
    ordered = in_order(list(images.values()))
    assert index.pks(index.every) == [image.pk for image in ordered]
    verdicts = {image.pk: judge(image.image, node, TABLES, TODAY) for image in ordered}
    assert index.verdicts(node, TODAY).grades_by_pk() == {pk: verdict.grade for pk, verdict in verdicts.items()}
    for query in queries:
        answer: MatchResult = match(query, index, TODAY)
        considered, matches, rejected, summary = expected(query, ordered, verdicts)
        assert (answer.considered, answer.matches, answer.rejected) == (considered, matches, rejected)
        if considered:
            assert sorted((str(line.code), line.images, line.remedy) for line in answer.summary) == summary
            assert [line.images for line in answer.summary] == sorted(
                (line.images for line in answer.summary), reverse=True
            )
        short = match(query, index, TODAY, limit=3, explain=False)
        assert (short.matches, short.rejected, short.summary) == (answer.matches[:3], (), answer.summary)


@pytest.mark.parametrize("seed", range(ROUNDS))
def test_the_index_says_what_the_judge_says(seed: int) -> None:
    dice = random.Random(seed)
    facts = [random_image(dice) for _ in range(dice.choice((5, 40, 200)))]
    images = {pk: random_entry(dice, pk, facts) for pk in dice.sample(range(1000), dice.choice((0, 1, 60, 250)))}
    index = CatalogueIndex.build(images.values(), TABLES)
    nodes = [random_node(dice) for _ in range(6)]
    for changes in (0, 1, 2, 1, dice.choice((20, 100)), 1, 3):
        before, kept = index, dict(images)
        new = [random_entry(dice, dice.randrange(1000), facts) for _ in range(changes)]
        gone = dice.sample(range(1000), changes) + [pk for pk in images if dice.random() < 0.01 * changes]
        images |= {image.pk: image for image in new}
        gone = [pk for pk in gone if pk not in {image.pk for image in new}]
        images = {pk: image for pk, image in images.items() if pk not in gone}
        index = index.with_changes(new, gone)
        for node in nodes[:3]:
            compare(index, images, node, [random_query(dice, node) for _ in range(3)])
        compare(before, kept, nodes[3], [random_query(dice, nodes[3])])
        nodes = [*nodes[1:], random_node(dice)]


def test_two_changes_of_one_index_do_not_mix() -> None:
    """Both bring groups that the first index does not have, on architectures too; what rules gave for one is not the other's."""
    dice = random.Random(3)
    node = random_node(dice)
    images = {pk: random_entry(dice, pk, [random_image(dice)]) for pk in range(20)}
    first = CatalogueIndex.build(images.values(), TABLES)
    others = [{pk: random_entry(dice, pk, [random_image(dice)]) for pk in range(10, 40)} for _ in range(3)]
    indexes = [first.with_changes(other.values()) for other in others]
    for index, other in zip(indexes, others, strict=True):
        for kind in (
            node,
            Node("535.104.05", "8.7", architecture="arm64"),
            Node("580.65.06", "9.0", architecture="amd64"),
        ):
            compare(index, images | other, kind, [MatchQuery(kind)])
    compare(first, images, node, [MatchQuery(node)])


def test_a_reader_keeps_its_index_while_another_is_made() -> None:
    dice = random.Random(4)
    facts = [random_image(dice) for _ in range(20)]
    images = {pk: random_entry(dice, pk, facts) for pk in range(50)}
    index = CatalogueIndex.build(images.values(), TABLES)
    query = MatchQuery(random_node(dice))
    answer = match(query, index, TODAY)
    changed = index
    for pk in range(50):
        changed = changed.with_changes([random_entry(dice, 100 + pk, facts)], [pk])
    assert match(query, changed, TODAY) != answer
    assert match(query, index, TODAY) == answer
    index_again = CatalogueIndex.build(images.values(), TABLES)
    assert match(query, index_again, TODAY) == answer


def test_only_the_eligible_are_considered_in_any_order_of_pks() -> None:
    dice = random.Random(5)
    facts = [random_image(dice) for _ in range(20)]
    images = {pk: random_entry(dice, pk, facts) for pk in range(200)}
    index = CatalogueIndex.build(images.values(), TABLES)
    for count in (0, 3, 100):
        pks = dice.sample(range(250), count)
        node = random_node(dice)
        chosen = CatalogueIndex.build([image for pk, image in images.items() if pk in pks], TABLES)
        for _ in range(5):
            query = random_query(dice, node)
            assert match(query, index, TODAY, index.images_of(pks)) == match(query, chosen, TODAY)
