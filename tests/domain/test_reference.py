"""What is no image reference, and why, in words of this program."""

import pytest

from bayplan.domain.reference import Reference
from bayplan.errors import Invalid


@pytest.mark.parametrize(
    ("text", "mistake"),
    [
        ("", "it is empty"),
        ("no reference", "it has a space"),
        ("nvidia/Cuda:12.4", "its name has capital letters"),
        ("Cuda", "its name has capital letters"),
        ("team//image:1", "a part of its name is empty"),
        ("reg.example.org/team/:1", "a part of its name is empty"),
        ("image:", "a tag has 1 to 128"),
        ("image:.1", "a tag has 1 to 128"),
        (f"image:{'1' * 129}", "a tag has 1 to 128"),
        ("image@sha256:12", "a digest after '@'"),
        (f"image@md5:{'0' * 32}", "a digest after '@'"),
        (f"{'a' * 300}/x", "its name has more than 255 characters"),
        ("f" * 64, "64 hexadecimal characters"),
        ("team/im$age", "a name has lower-case letters"),
        ("team/-image", "a name has lower-case letters"),
    ],
)
def test_a_mistake_in_a_reference_is_named(text: str, mistake: str) -> None:
    with pytest.raises(Invalid) as caught:
        Reference.parse(text)
    assert f"This is not an image reference: {mistake}" in caught.value.detail
    assert "for example 'nvidia/cuda:12.4.1-base-ubuntu22.04'" in caught.value.detail
