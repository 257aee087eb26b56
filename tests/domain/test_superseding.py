"""Newer versions of a name: what replaces what, and what is only another variant."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bayplan.domain.superseding import VersionedImage, superseded


def image(pk: int, version: str, **fields: Any) -> VersionedImage:
    """An image of one name, added on the day of its pk."""
    values: dict[str, Any] = {
        "name": "x",
        "added": f"2026-01-{pk + 1:02}",
        "framework": "pytorch",
        "accelerator": "cuda",
        "platforms": frozenset(("amd64",)),
        "tasks": frozenset(("train",)),
        "kinds": 0b11,
        "is_usable": True,
    }
    return VersionedImage(pk, version=version, **(values | fields))


def newest(*versions: str) -> dict[str, str]:
    """By version the one that replaces it."""
    replaced = superseded(image(pk, version) for pk, version in enumerate(versions))
    return {versions[pk]: versions[newer.newest] for pk, newer in replaced.items()}


@pytest.mark.parametrize(
    ("older", "newer"),
    [
        ("2.9", "2.10"),
        ("9.2", "10.1"),
        ("v0.9.2", "v0.11.0"),
        ("2.4.1-cuda12.4-cudnn9-runtime", "2.9.1-cuda13.0-cudnn9-runtime"),
        ("19.10-py3", "24.04-py3"),
        ("v7_2022-10-08-05_cpu", "v7_2022-11-01-01_cpu"),
        ("20240101", "20250101"),
        ("20241001", "2025-01-01"),
        ("2024-10-01", "20250101"),
        ("2024.10.01-slim", "2025_01_01-slim"),
        ("2022.3.1", "2023.0.0"),
        ("2.4.0rc1", "2.4.0rc2"),
        ("2.4.0rc1", "2.4.0"),
        ("2.4.0-rc.1-cuda12", "2.4.0-cuda12"),
        ("2.4.0.dev20240501", "2.4.0a1"),
        ("24.01", "24.01-r2"),
        ("24.01-r2", "24.01-r10"),
        ("2.4.0", "2.4.0.post1"),
        ("86-1.8", "86-1.9"),
        ("release-1.9", "release-v1.10"),
    ],
)
def test_newer_versions_replace_older_ones(older: str, newer: str) -> None:
    assert newest(older, newer) == newest(newer, older) == {older: newer}


@pytest.mark.parametrize(
    "versions",
    [
        ("2.4.1-cuda11.8", "2.4.1-cuda12.4"),
        ("2.4.1-cuda12.4-runtime", "2.4.1-cuda12.4-devel"),
        ("2.4-11.8", "2.4-12.1"),
        ("3.1-8b", "3.1-70b"),
        ("2.4", "2.4.0"),
        ("2.4", "2.5rc1"),
        ("1.8", "86-1.8", "89-1.9", "turing-1.9"),
        ("latest", "main", "1.0"),
        ("3f2a9c1", "4f2a9c1", "sha-860c190"),
        ("nightly-20240101", "2.4"),
        ("v1.10", "2024-01-05"),
        ("24.01-py3", "20230201"),
    ],
)
def test_variants_and_texts_without_an_order_replace_nothing(versions: tuple[str, ...]) -> None:
    assert newest(*versions) == {}


def test_the_newest_of_the_same_variant_is_named_first() -> None:
    versions = ("2.4-runtime", "2.5-runtime", "2.6-devel", "2.4-slim")
    assert newest(*versions) == {
        "2.4-runtime": "2.5-runtime",
        "2.4-slim": "2.6-devel",
        "2.5-runtime": "2.6-devel",
    }


def test_since_when_and_by_which_images() -> None:
    of = [image(1, "1.0"), image(5, "1.2"), image(3, "1.1"), image(7, "1.3", is_usable=False)]
    replaced = superseded(of)
    assert {pk: (newer.newest, newer.since) for pk, newer in replaced.items()} == {
        1: (5, "2026-01-04"),
        3: (5, "2026-01-06"),
    }
    assert superseded([image(1, "1.0"), image(2, "1.1", accelerator=None)]) == {}
    assert superseded([image(1, "1.0"), image(2, "1.1", name="X")]) == {}


@pytest.mark.parametrize(
    ("fields", "is_replaced"),
    [
        ({"framework": "tensorflow"}, False),
        ({"framework": None}, False),
        ({"platforms": frozenset(("arm64",))}, False),
        ({"platforms": frozenset(("arm64", "amd64"))}, True),
        ({"platforms": frozenset()}, True),
    ],
)
def test_what_is_for_something_else_replaces_nothing(fields: dict[str, Any], is_replaced: bool) -> None:
    for old, new in (({}, fields), (fields, {})):
        assert bool(superseded([image(1, "1.0", **old), image(2, "1.1", **new)])) is is_replaced


def test_what_to_use_is_for_all_tasks_and_runs_on_all_nodes_of_the_old_one() -> None:
    def use(*images: VersionedImage) -> tuple[int, int | None]:
        newer = superseded(images)[1]
        return newer.newest, newer.use

    old, fewer = image(1, "1.0"), image(4, "1.3", kinds=0b110)
    assert use(old, fewer) == (4, None)
    assert use(old, fewer, image(2, "1.1"), image(3, "1.2")) == (4, 3)
    assert use(image(1, "1.0", kinds=0), fewer) == (4, 4)
    assert use(old, image(2, "1.1", tasks=frozenset(("infer",)))) == (2, None)
    assert use(old, image(2, "1.1", tasks=frozenset(("infer", "train")))) == (2, 2)
    assert use(old, image(2, "1.1-slim"), image(3, "1.2", tasks=frozenset())) == (3, 2)
    many = [image(pk, f"2.{pk}", kinds=1 << pk) for pk in range(5, 300)]
    assert use(old, *(replace(each, added="2026-02-01") for each in many)) == (299, None)


@given(st.lists(st.text(max_size=40), max_size=8))
def test_any_texts_have_an_answer_without_circles(versions: list[str]) -> None:
    images = [image(pk, version) for pk, version in enumerate(versions)]
    replaced = superseded(images)
    for pk in replaced:
        seen, at = set(), pk
        while at in replaced:
            assert at not in seen
            seen.add(at)
            at = replaced[at].newest
