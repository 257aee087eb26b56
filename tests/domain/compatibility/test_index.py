"""The index says of every image what the one-image judge says, after any changes."""

import os
import random
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial

import pytest
from packaging.specifiers import SpecifierSet

from bayplan.domain.compatibility.image import Image
from bayplan.domain.compatibility.image_requirements import ImageRequirements
from bayplan.domain.compatibility.index import CatalogueIndex
from bayplan.domain.compatibility.judge import judge
from bayplan.domain.compatibility.match import MatchResult, match
from bayplan.domain.compatibility.node import Node
from bayplan.domain.compatibility.node_capabilities import NodeCapabilities
from bayplan.domain.compatibility.order import CatalogueImage
from bayplan.domain.compatibility.question import MatchQuery
from bayplan.domain.compatibility.remedies import blocks
from bayplan.domain.compatibility.verdict import MATCHED_BY_DEFAULT, ORDER, Grade, Reason, Remedy, Verdict
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
    ordered.sort(key=lambda image: image.image.deprecation is not None)
    return ordered


def is_for(image: CatalogueImage, query: MatchQuery) -> bool:
    if query.task is not None and query.task.casefold() not in {task.casefold() for task in image.tasks}:
        return False
    if query.domain is not None and query.domain.casefold() != image.domain.casefold():
        return False
    if query.framework is None:
        return True
    name = re.split(r"[<>=!~]", query.framework)[0]
    versions, version = query.framework.removeprefix(name), image.image.framework_version
    if image.image.framework is None or image.image.framework.casefold() != name.casefold():
        return False
    if not versions:
        return True
    return version not in (None, "main") and SpecifierSet(versions).contains(version or "", prereleases=True)


def expected(
    query: MatchQuery, images: Sequence[CatalogueImage], verdicts: Verdicts, named: Verdicts
) -> tuple[object, ...]:
    """What the answer to a question is by the verdicts of each image alone, and by those that name siblings."""
    chosen = [image.pk for image in images if is_for(image, query)]
    deprecated = {image.pk for image in images if image.image.deprecation is not None}
    best = sorted(chosen, key=lambda pk: (pk in deprecated, ORDER[verdicts[pk].grade]))
    matches = tuple((pk, named[pk]) for pk in best if verdicts[pk].grade in query.grades)
    rejected = tuple((pk, named[pk]) for pk in best if verdicts[pk].grade not in query.grades)
    by_pk = {image.pk: image.image for image in images}
    summary = expected_summary(query, chosen, named if matches else verdicts, None if matches else by_pk)
    return len(chosen), matches, rejected, summary


def naming_siblings(node: Node, images: Sequence[CatalogueImage], verdicts: Verdicts) -> Verdicts:
    """The verdicts, where the sibling of each image that does not run is named."""
    named = {}
    for image in images:
        verdict = verdicts[image.pk]
        if any(map(blocks, verdict.reasons)):
            sibling = sibling_of(image, node, images, verdicts)
            verdict = judge(image.image, node, TABLES, TODAY, sibling=partial(_same, sibling))
        named[image.pk] = verdict
    return named


def _same(sibling: Remedy | None) -> Remedy | None:
    return sibling


def sibling_of(
    image: CatalogueImage, node: Node, images: Sequence[CatalogueImage], verdicts: Verdicts
) -> Remedy | None:
    """The sibling of an image, by comparing it with every other one."""
    on_platform = ImageRequirements(image.image, TABLES).on(NodeCapabilities(node, TABLES).platform)
    running = [other for other in images if verdicts[other.pk].grade in MATCHED_BY_DEFAULT]
    by_gpu = [other for other in running if verdicts[other.pk].grade is not Grade.CPU]
    if node.driver_version is None or not on_platform.uses_gpu:
        return nearest(image, running)
    if (sibling := nearest(image, by_gpu)) is not None or verdicts[image.pk].grade is Grade.CPU:
        return sibling
    return nearest(image, [other for other in running if other not in by_gpu], ", which works on the CPU")


def nearest(image: CatalogueImage, others: Sequence[CatalogueImage], after: str = "") -> Remedy | None:
    def folded(*texts: str | None) -> set[str]:
        return {text.casefold() for text in texts if text is not None}

    def distance(other: CatalogueImage) -> tuple[bool, ...]:
        same_use = folded(image.domain) == folded(other.domain) and (
            not image.tasks or bool(folded(*image.tasks) & folded(*other.tasks))
        )
        same_framework = bool(folded(image.image.framework) & folded(other.image.framework))
        same_version = same_framework and image.image.framework_version == other.image.framework_version
        same_name = same_use and same_framework and image.name == other.name
        return (
            not same_name,
            not (same_use and same_framework),
            not same_framework,
            not same_use,
            not same_version,
        )

    near = [other for other in others if not distance(other)[2] or not distance(other)[3]]
    near = [other for other in near if other.image.deprecation is None] or near
    if not near:
        return None
    sibling = min(near, key=distance)  # the first of the nearest is the newest
    return Remedy(f"use {sibling.name} {sibling.version}{after}", other_image=True, sibling=sibling.pk)


def expected_summary(
    query: MatchQuery, chosen: Sequence[int], verdicts: Verdicts, images: Mapping[int, Image] | None
) -> list[tuple[str, int, str | None]]:
    """The lines of the summary; with the images, where none matches, remedies that give a match are preferred."""
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

    def rank(rejection: tuple[int, Reason]) -> tuple[bool, tuple[int, ...], int]:
        pk, reason = rejection
        driver = read(DriverVersion.parse, (reason.needed or "").removeprefix(">="))
        return len(codes_of[pk]) > 1, () if driver is None else driver.parts, chosen.index(pk)

    lines = []
    for code, count in counts.items():
        # Those that need least come first, in the order of the images and of their reasons, each detail once.
        firsts: dict[str, tuple[int, Reason]] = {}
        for pk, reason in sorted((rejection for rejection in blocking if rejection[1].code == code), key=rank):
            firsts.setdefault(reason.detail, (pk, reason))
        tried = list(firsts.values())
        remedy = tried[0][1].remedy
        if images is not None:
            matching = (reason for pk, reason in tried[:3] if gives_a_match(images[pk], query, reason))
            mending = next(matching, None)
            if mending is not None:
                alone = "That" if any(", and " in change.text for change in mending.remedies) else "That alone"
                remedy = f"{mending.remedy} {alone} would give the first match."
        lines.append((str(code), count, remedy))
    return sorted(lines)


def gives_a_match(image: Image, query: MatchQuery, reason: Reason) -> bool:
    changes = [remedy for remedy in reason.remedies if not remedy.is_advice]
    return bool(changes) and all(graded_after(remedy, image, query.node) in query.grades for remedy in changes)


def graded_after(remedy: Remedy, image: Image, node: Node) -> Grade:
    """The grade after a remedy's changes, by the judge alone."""
    here = ImageRequirements(image, TABLES).on(NodeCapabilities(node, TABLES).platform).declared
    changed, other = replace(here, **dict(remedy.image)), replace(node, **dict(remedy.node))  # type: ignore[arg-type]  # fields of the two
    return judge(changed, other, TABLES, TODAY).grade


def compare(
    index: CatalogueIndex, images: Mapping[int, CatalogueImage], node: Node, queries: Sequence[MatchQuery]
) -> None:
    ordered = in_order(list(images.values()))
    assert index.pks(index.every) == [image.pk for image in ordered]
    verdicts = {image.pk: judge(image.image, node, TABLES, TODAY) for image in ordered}
    assert index.verdicts(node, TODAY).grades_by_pk() == {pk: verdict.grade for pk, verdict in verdicts.items()}
    named = naming_siblings(node, ordered, verdicts)
    for query in queries:
        answer: MatchResult = match(query, index, TODAY)
        considered, matches, rejected, summary = expected(query, ordered, verdicts, named)
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
            assert without_siblings(match(query, index, TODAY, index.images_of(pks))) == without_siblings(
                match(query, chosen, TODAY)
            )


def without_siblings(answer: MatchResult) -> tuple[object, ...]:
    """An answer without remedies, which may name images that were not asked for."""
    lists = [
        [(pk, verdict.grade, [(reason.code, reason.detail) for reason in verdict.reasons]) for pk, verdict in images]
        for images in (answer.matches, answer.rejected)
    ]
    return answer.considered, *lists, [(line.code, line.images) for line in answer.summary]
