"""Entity tags, in the forms in which proxies give them back."""

import pytest

from bayplan.domain.entity_tags import tags_in


@pytest.mark.parametrize(
    ("header", "tags"),
    [
        ('"5"', {"5"}),
        ("5", {"5"}),
        ('W/"5"', {"5"}),
        ('w/"5"', {"5"}),
        ('"5-gzip"', {"5"}),
        ('W/"5-gzip"', {"5"}),
        ('"5--gzip"', {"5"}),
        ('"5;br"', {"5"}),
        ('"5-zstd"', {"5"}),
        ('"4", W/"5-secret", "6-3-framework-gzip"', {"4", "5-secret", "6-3-framework"}),
        ('"4",W/"5"', {"4", "5"}),
        ("*", {"*"}),
        (" * ", {"*"}),
        ('"*"', set()),
        ("", set()),
        (",", set()),
        ('"a b"', {"a b"}),
        ('"12-0123456789abcdef"', {"12-0123456789abcdef"}),
    ],
)
def test_tags_are_those_that_bayplan_made(header: str, tags: set[str]) -> None:
    assert tags_in(header) == tags
