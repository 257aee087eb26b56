"""The answer to a whole question: what is considered, in which order, and what the summary says."""

import datetime
import random
from dataclasses import replace
from typing import Any

import pytest

from bayplan.domain.compatibility.image import Image, framework_kernels
from bayplan.domain.compatibility.index import CatalogueIndex
from bayplan.domain.compatibility.match import MatchResult, match, verdicts_for_nodes
from bayplan.domain.compatibility.node import Node
from bayplan.domain.compatibility.order import CatalogueImage
from bayplan.domain.compatibility.question import MatchQuery
from bayplan.domain.compatibility.tables import load
from bayplan.domain.compatibility.verdict import Grade
from bayplan.errors import Invalid

TABLES = load()
TODAY = datetime.date(2026, 3, 1)
NODE = Node("535.104.05", "8.6", gpu_name="NVIDIA RTX A6000", gpu_brand="NvidiaRTX", architecture="amd64")
KERNELS = ("7.0", "8.0", "9.0")


def image(cuda: str | None, framework: str | None = "PyTorch", version: str | None = "2.4", **more: object) -> Image:
    base = Image(
        cpu=cuda is None,
        cuda=cuda,
        framework=framework,
        framework_version=version,
        kernel_architectures=framework_kernels(*KERNELS),
    )
    return replace(base, **more)  # type: ignore[arg-type]  # a test names fields of Image


CANDIDATES = [
    CatalogueImage(1, "1.0", image("12.1.1"), ("Train", "Predict"), "od"),
    CatalogueImage(2, "1.10", image("12.1.1"), ("train",), "od"),
    CatalogueImage(3, "1.9", image("12.1.1"), ("train",), "od"),
    CatalogueImage(4, "1.0", image("12.4.1"), ("train",), "od"),
    CatalogueImage(5, "1.0", image("11.8.0", version="2.10"), ("predict",), "ic"),
    CatalogueImage(6, "1.0", image("13.0.0"), ("train",), "ic"),
    CatalogueImage(7, "1.0", image(None, "scikit-learn", "1.5"), ("train",), "sc"),
    CatalogueImage(8, "1.0", image("12.1.1", deleted=True), ("train",), "od"),
    CatalogueImage(9, "1.10", image("12.1.1"), ("train",), "OD"),
    CatalogueImage(10, "1.0", image(None, None, None), ("export",), "sp"),
]
CATALOGUE = CatalogueIndex.build(CANDIDATES, TABLES)


def ask(node: Node = NODE, catalogue: CatalogueIndex = CATALOGUE, **question: object) -> MatchResult:
    return match(MatchQuery(node, **question), catalogue, TODAY)  # type: ignore[arg-type]  # fields of Question


def pks(pairs: tuple[tuple[int, object], ...]) -> list[int]:
    return [pk for pk, _ in pairs]


def test_matches_come_by_grade_then_newest_framework_cuda_and_version_then_pk() -> None:
    answer = ask()
    assert answer.considered == 9
    assert [(pk, verdict.grade) for pk, verdict in answer.matches] == [
        (5, Grade.NATIVE), (2, Grade.NATIVE), (9, Grade.NATIVE), (3, Grade.NATIVE), (1, Grade.NATIVE),
        (4, Grade.MINOR), (7, Grade.CPU), (10, Grade.CPU),
    ]  # fmt: skip
    assert pks(answer.rejected) == [6]


def test_the_order_does_not_depend_on_the_order_of_the_input() -> None:
    shuffled = list(CANDIDATES)
    for seed in range(20):
        random.Random(seed).shuffle(shuffled)
        assert ask(catalogue=CatalogueIndex.build(shuffled, TABLES)) == ask()


def test_deleted_images_are_not_considered() -> None:
    assert all(8 not in pks(pairs) for pairs in (ask().matches, ask().rejected))


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        ({"task": "PREDICT"}, [5, 1]),
        ({"domain": "ic"}, [5]),
        ({"domain": "od", "task": "predict"}, [1]),
        ({"framework": "pytorch"}, [5, 2, 9, 3, 1, 4]),
        ({"framework": "PyTorch>=2.5"}, [5]),
        ({"framework": "pytorch >=2.1,<3, !=2.10"}, [2, 9, 3, 1, 4]),
        ({"framework": "scikit-learn==1.5.0"}, [7]),
        ({"framework": "scikit-learn"}, [7]),
    ],
)
def test_what_is_to_be_done_selects(question: dict[str, Any], expected: list[int]) -> None:
    assert pks(ask(**question).matches) == expected


def test_the_grades_asked_for_are_those_that_match() -> None:
    assert pks(ask(grades=frozenset({Grade.MINOR, Grade.NO})).matches) == [4, 6]
    assert pks(ask(grades=frozenset({Grade.NATIVE})).rejected) == [4, 7, 10, 6]


def test_only_the_eligible_are_considered() -> None:
    answer = match(MatchQuery(NODE), CATALOGUE, TODAY, CATALOGUE.images_of({1, 6, 8, 99}))
    assert (answer.considered, pks(answer.matches), pks(answer.rejected)) == (2, [1], [6])


@pytest.mark.parametrize("framework", ["pytorch>=", "pytorch>>2", ">=2", "", "pytorch=2", "pytorch>=x"])
def test_what_is_no_framework_is_refused(framework: str) -> None:
    with pytest.raises(Invalid, match=r"pytorch>=2\.1,<3") as caught:
        ask(framework=framework)
    assert caught.value.problems[0].field == "framework"


def test_the_summary_counts_the_reasons_and_names_the_smallest_change() -> None:
    old = replace(NODE, driver_version="440.33")
    answer = ask(old, domain="od")
    assert answer.matches == ()
    assert [(line.code, line.images) for line in answer.summary] == [("driver_too_old", 5)]
    assert answer.summary[0].remedy == (
        "Upgrade the driver to 525.60.13 or later (550.54.15 or later for native). That alone would give the first match."
    )
    both = ask(old, framework="pytorch")
    assert [(line.code, line.images) for line in both.summary] == [("driver_too_old", 7)]
    assert (both.summary[0].remedy or "").startswith("Upgrade the driver to 450.80.02 or later")


def test_the_summary_has_the_most_frequent_first_and_no_caveats() -> None:
    candidates = [
        CatalogueImage(1, "1", image("13.0.0"), ("train",), "od"),
        CatalogueImage(2, "1", image("13.0.0", min_generation="Hopper"), ("train",), "od"),
        CatalogueImage(
            3, "1", replace(image("12.1.1", min_generation="Hopper"), kernel_architectures=None), ("train",), "od"
        ),
        CatalogueImage(4, "2", image("13.0.0"), ("train",), "od"),
    ]
    answer = ask(catalogue=CatalogueIndex.build(candidates, TABLES))
    assert [(line.code, line.images) for line in answer.summary] == [("driver_too_old", 3), ("generation_too_old", 2)]


def test_a_task_a_domain_and_a_framework_that_do_not_exist() -> None:
    (line,) = ask(task="segment").summary
    assert (line.code, line.images) == ("no_such_task", 9)
    assert (
        line.remedy
        == "No image in the catalogue has the task 'segment'. Images in the catalogue have the tasks export, Predict, Train."
    )
    (line,) = ask(domain="xx").summary
    assert line.code == "no_such_domain"
    (line,) = ask(framework="pytorch>=3").summary
    assert line.code == "no_such_framework"
    assert "PyTorch 2.4, PyTorch 2.10" in (line.remedy or "")


def test_what_exists_but_not_in_one_image() -> None:
    lines = ask(task="export", domain="od").summary
    assert [(line.code, line.images) for line in lines] == [("no_such_task", 5), ("no_such_domain", 1)]
    lines = ask(task="segment", domain="xx").summary
    assert [(line.code, line.images) for line in lines] == [("no_such_task", 0), ("no_such_domain", 0)]


def test_an_empty_catalogue() -> None:
    answer = ask(catalogue=CatalogueIndex.build([], TABLES), task="train")
    assert answer.considered == 0
    assert [line.code for line in answer.summary] == ["no_such_task"]
    assert ask(catalogue=CatalogueIndex.build([], TABLES)).summary == ()


def test_images_with_equal_needs_are_judged_once() -> None:
    candidates = [CatalogueImage(pk, str(pk), image("12.1.1", version=f"2.{pk}"), ("train",), "od") for pk in range(50)]
    catalogue = CatalogueIndex.build(candidates, TABLES)
    assert len({entry[3] for entry in catalogue.order.entries}) == 1
    verdicts = {id(verdict) for _, verdict in ask(catalogue=catalogue).matches}
    assert len(verdicts) == 1


def test_nodes_of_one_kind_are_judged_once() -> None:
    fleet = [(pk, replace(NODE, cpu_mem_bytes=pk, kernel_version=f"6.{pk}")) for pk in range(100)] + [(100, Node())]
    verdicts = verdicts_for_nodes(image("12.1.1"), fleet, TABLES, TODAY)
    assert [pk for pk, _ in verdicts] == list(range(101))
    assert len({id(verdict) for _, verdict in verdicts}) == 2
    assert verdicts[100][1].grade is Grade.NO


def test_a_limit_and_no_explanation_leave_the_rest_of_the_answer_as_it_is() -> None:
    whole = ask()
    short = match(MatchQuery(NODE), CATALOGUE, TODAY, limit=2, explain=False)
    assert short == MatchResult(whole.considered, whole.matches[:2], (), whole.summary)
