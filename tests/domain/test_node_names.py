"""The node that a text names, among those of a fleet."""

import pytest

from bayplan.domain.node_names import NodeName, node_named
from bayplan.errors import Invalid

NODES = [
    NodeName(1, "10.0.0.7", 0, "gpu07.example.org", "NVIDIA L4"),
    NodeName(2, "10.0.0.7", 1, "gpu07.example.org", "NVIDIA L4"),
    NodeName(3, "10.0.0.8", 0, "gpu08.example.org"),
    NodeName(4, "2001:db8::1", 0),
    NodeName(5, "box.lab", 0),
    NodeName(6, "10.0.0.9", 0, "box"),  # reports the short name of box.lab
    NodeName(7, "10.0.0.10", 0, "box.lab"),  # and this one its whole name
    NodeName(8, "10.0.0.11", 0, "twin.rack1"),
    NodeName(9, "10.0.0.12", 0, "twin"),
]


@pytest.mark.parametrize(
    ("text", "pk"),
    [
        ("3", 3),
        ("10.0.0.8", 3),
        ("10.0.0.7#1", 2),
        ("gpu07#0", 1),
        ("GPU08", 3),
        ("gpu08.example.org#0", 3),
        ("2001:DB8:0::1", 4),
        ("box", 5),
        (" box.lab ", 5),
    ],
)
def test_a_node_is_named_by_key_address_or_machine(text: str, pk: int) -> None:
    assert node_named(NODES, text).pk == pk


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("gpu07", "has 2 nodes; write which: 10.0.0.7#0 (NVIDIA L4), 10.0.0.7#1 (NVIDIA L4)."),
        ("twin", "has 2 nodes; write which: 10.0.0.11#0, 10.0.0.12#0."),
        ("gpu07#5", "there are 10.0.0.7#0, 10.0.0.7#1."),
        ("gpu70", "did you mean gpu07.example.org"),
        ("gpu07#x", "write its machine and index"),
        ("99", "There is no node '99'"),
        ("<b>", "There is no node"),
        ("", "There is no node"),
    ],
)
def test_what_names_none_or_several_is_an_error_with_the_nearest(text: str, words: str) -> None:
    with pytest.raises(Invalid) as error:
        node_named(NODES, text)
    assert words in error.value.detail
    assert [problem.field for problem in error.value.problems] == ["node"]
