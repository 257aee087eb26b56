"""The tag of an image in an engine is a valid reference, of that image alone, whatever its name and version are."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bayplan.domain.image_tag import image_tag
from bayplan.domain.reference import Reference

HASHED = r"-[0-9a-f]{12}"


def is_valid(tag: str) -> bool:
    """Whether it is a reference of Docker Hub that is written in its one form."""
    return str(Reference.parse(tag)) == f"docker.io/{tag}"


@pytest.mark.parametrize(
    ("name", "version", "tag"),
    [
        ("pytorch", "2.4.1-cuda12.4", "bayplan/pytorch:2.4.1-cuda12.4"),
        ("nvidia/pytorch", "24.05-py3", "bayplan/nvidia/pytorch:24.05-py3"),
        ("a__b.c-d--e", "V_1", "bayplan/a__b.c-d--e:V_1"),
    ],
)
def test_a_name_and_a_version_that_a_reference_can_have_stay(name: str, version: str, tag: str) -> None:
    assert image_tag(name, version) == tag
    assert is_valid(tag)


@pytest.mark.parametrize(
    "version", ["1", "2.4+cu124", "v 1", "\u2603", ".1", "-1", "x" * 129, ":", "a/b", "1@sha256:0"]
)
@pytest.mark.parametrize(
    "name",
    [
        "PyTorch",
        "Gro\u00dfe K\u00fche",
        "\u732b",
        "a" * 300,
        "_x",
        "x_",
        "a..b",
        "a//b",
        "/",
        "a:b",
        "A" * 300,
        "../x",
        "x ",
    ],
)
def test_others_get_a_valid_reference_of_their_own(name: str, version: str) -> None:
    assert is_valid(image_tag(name, version))
    assert image_tag(name, version) != image_tag(name.lower(), version) or name == name.lower()
    assert image_tag(name, version) != image_tag(name, f"{version} ")


@given(st.text(min_size=1, max_size=300), st.text(min_size=1, max_size=300), st.text(min_size=1, max_size=300))
def test_any_text_gets_one(name: str, version: str, other: str) -> None:
    tag = image_tag(name, version)
    assert is_valid(tag)
    assert (image_tag(other, version) == tag) is (other == name)
    assert (image_tag(name, other) == tag) is (other == version)
