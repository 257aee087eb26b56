"""`bayplan explain` and `bayplan help`: what words and commands mean."""

import json
from typing import get_type_hints

from tests.cli.conftest import Shell


def test_words_are_explained(stranger: Shell) -> None:
    from bayplan.config import Settings
    from bayplan.domain.compatibility.image import FACT_NAMES
    from bayplan.domain.compatibility.verdict import ReasonCode
    from bayplan.schemas.docker import ImageAnswer
    from bayplan.schemas.nodes import NodeAnswer

    assert ReasonCode.DRIVER_TOO_OLD.meaning in " ".join(stranger.run("explain", "driver-too-old").out.split())
    assert "Default: 8000." in stranger.run("explain", "bayplan-port").out
    assert "did you mean BAYPLAN_PORT" in stranger.run("explain", "BAYPLAN_PROT", code=1).err
    assert "535.104.05" in stranger.run("explain", "driver").out  # by the name of its option
    words = {*stranger.run("explain", "-q").out.split()}
    settings = {f"BAYPLAN_{name.upper()}" for name in Settings.model_fields}
    fields = {*get_type_hints(ImageAnswer), *get_type_hints(NodeAnswer), *FACT_NAMES}
    assert {*ReasonCode, "native", *settings, *fields} <= words
    of_nodes = {entry["word"]: entry["kind"] for entry in json.loads(stranger.run("explain", "node", "--json").out)}
    assert {*get_type_hints(NodeAnswer)} <= {*of_nodes} < words
    assert of_nodes["gpu_mem"] == "field of nodes"
    assert "did you mean driver_too_old" in stranger.run("explain", "driver_to_old", code=1).err
    assert stranger.run("help", "images", "list").out == stranger.run("images", "list", "--help").out
