"""Remedies name options and commands, and no field of the API: each sentence of the rules that asks for a fact."""

import ast
import re
from pathlib import Path

import pytest

from bayplan import domain
from bayplan.cli.images._fact_options import _OPTIONS, option_of
from bayplan.cli.node_facts import NODE_FACTS
from bayplan.cli.remedies import at_command_line
from bayplan.domain.compatibility.image import FACT_NAMES

FIELDS = re.compile(rf"(?<![-\w])({'|'.join(name for name in {*NODE_FACTS, *FACT_NAMES} if '_' in name)})\b")
ASKS = re.compile(r"\b(report|enter) (the|its) ?", re.IGNORECASE)
OF_IMAGES = {option_of(name) for name in _OPTIONS}


def sentences() -> list[str]:
    """What the judge's modules have as text that asks for a fact, docstrings left out."""
    found = []
    for path in sorted((Path(domain.__file__).parent / "compatibility").rglob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for call in ast.walk(tree):
            if isinstance(call, ast.Call | ast.keyword | ast.Assign):
                found += [
                    text.value
                    for text in ast.walk(call)
                    if isinstance(text, ast.Constant) and isinstance(text.value, str) and ASKS.search(text.value)
                ]
    return sorted(set(found))


def test_no_field_is_left() -> None:
    texts = sentences()
    assert len(texts) > 15, "the rules ask in other words: `bayplan.cli.remedies` must know them"
    for text in texts:
        for in_catalogue in (True, False):
            shown = at_command_line(text, in_catalogue=in_catalogue)
            assert not FIELDS.search(shown), shown
            for option in re.findall(r"set-facts (--[a-z-]+)", shown):
                assert option in OF_IMAGES, shown


@pytest.mark.parametrize(
    ("remedy", "shown"),
    [
        ("Report the node's architecture.", "Give --architecture."),
        (
            "Report the node's driver_cuda_version and toolkit_version.",
            "Give --driver-cuda and --toolkit-version.",
        ),
        (
            "Report the node's driver_version as nvidia-smi prints it, or use a 1.0, which works on the CPU.",
            "Give --driver as nvidia-smi prints it, or use a 1.0, which works on the CPU.",
        ),
        (
            "Use a newer image, or report the node's compute_capability, or its target.",
            "Use a newer image, or give --compute-capability, or --target.",
        ),
        (
            "Enter the image's compiler_cuda.",
            "In a catalogue, enter it with `bayplan images set-facts --compiler-cuda`.",
        ),
        ("Enter its CUDA version.", "Give it with --cuda."),
        ("Use an image that is built for arm64.", "Use an image that is built for arm64."),
    ],
)
def test_each_form(remedy: str, shown: str) -> None:
    assert at_command_line(remedy, in_catalogue=False) == shown


def test_in_a_catalogue_facts_are_entered_there() -> None:
    for remedy, shown in {
        "Scan the image, or enter its rocm_version.": "Scan the image, or enter it with `bayplan images set-facts --rocm`.",
        "Use another, or enter the image's kernel_architectures, as torch gives them.": (
            "Use another, or enter them with `bayplan images set-facts --kernel-architecture`, as torch gives them."
        ),
        "Enter its CUDA version.": "Enter it with `bayplan images edit --cuda`.",
    }.items():
        assert at_command_line(remedy) == shown
