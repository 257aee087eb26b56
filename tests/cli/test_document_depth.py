"""How deep a catalogue file may be nested: as deep as the deepest rule, and no deeper, through aliases neither."""

import json

import pytest

from bayplan.cli.document.node import MAX_DEPTH
from bayplan.cli.document.read import read
from bayplan.cli.document.write import as_yaml
from bayplan.errors import Invalid
from bayplan.schemas.filters import MAX_LEVELS
from bayplan.schemas.prefetch import PrefetchCreate


def test_the_deepest_filter_of_a_rule_comes_back_from_an_export() -> None:
    filter_: dict[str, object] = {"type": "is_null", "field": "gpu_name"}
    for _ in range(MAX_LEVELS - 1):
        filter_ = {"type": "and", "sub_expressions": [filter_]}
    rule = PrefetchCreate.model_validate({"name": "deep", "nodes": {"expressions": [filter_]}, "images": {}})
    catalogue = {"prefetch": [rule.model_dump(mode="json")]}
    assert read("a.yaml", as_yaml(catalogue)).content() == catalogue
    assert read("a.json", json.dumps(catalogue)).content() == catalogue


def test_aliases_in_aliases_nest_no_deeper_than_lists() -> None:
    lines = ["images:", "- &a0 {x: y}", *(f"- &a{n} {{x: *a{n - 1}}}" for n in range(1, 600))]
    with pytest.raises(Invalid, match=f"^a.yaml:80:12: This is nested more than {MAX_DEPTH} levels deep.$"):
        read("a.yaml", "\n".join(lines))
    inherited = ["domains:", "- &a0 {name: a0, description: x}"]
    inherited += [f"- &a{n} {{<<: *a{n - 1}, name: a{n}}}" for n in range(1, 200)]
    assert len(read("a.yaml", "\n".join(inherited)).content()["domains"]) == 200, "what is merged is beside, not below"
