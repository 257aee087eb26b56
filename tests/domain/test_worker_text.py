"""A worker in a line, as people type it, and as a line is written of what nvidia-smi prints."""

import contextlib
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bayplan.domain.compatibility.tables import load
from bayplan.domain.nvidia_smi import read
from bayplan.domain.worker_text import typed_worker, written_worker
from bayplan.errors import Invalid
from bayplan.schemas.match import WorkerFacts
from tests.domain import test_nvidia_smi

TABLES = load()
R4090 = {"gpu_name": "RTX 4090", "driver_version": "550.120"}


@pytest.mark.parametrize(
    ("text", "facts"),
    [
        ("RTX 4090, 550.120", R4090),
        ("  RTX 4090 ,550.120, ", R4090),
        ("RTX 4090; driver 550.120", R4090),
        ("RTX 4090 550.120", R4090),
        ("RTX 4090 Driver Version: 550.120", R4090),
        ("550.120, RTX 4090", R4090),
        ("RTX 4090 550", R4090 | {"driver_version": "550"}),
        ("RTX 4090, v550", R4090 | {"driver_version": "550"}),
        ("4090", {"gpu_name": "4090"}),
        ("GTX 980, 535", {"gpu_name": "GTX 980", "driver_version": "535"}),
        ("A100 80GB, 535.104.05", {"gpu_name": "A100 80GB", "driver_version": "535.104.05"}),
        ("sm_90, 550.54.15", {"compute_capability": "9.0", "driver_version": "550.54.15"}),
        ("compute capability 8.6, 535", {"compute_capability": "8.6", "driver_version": "535"}),
        ("8.6, 535", {"compute_capability": "8.6", "driver_version": "535"}),
        ("RTX 9999, capability 8.9", {"gpu_name": "RTX 9999", "compute_capability": "8.9"}),
        ("MI300X, 6.8.5", {"gpu_name": "MI300X", "driver_version": "6.8.5"}),
        ("gfx90a:xnack+, driver 6.12", {"target": "gfx90a:xnack+", "driver_version": "6.12"}),
        (
            "A100 MIG 1g.10gb, 550, CUDA 12.4, 10 GiB, x86_64",
            {
                "gpu_name": "A100",
                "mig_profile": "1g.10gb",
                "driver_version": "550",
                "driver_cuda_version": "12.4",
                "gpu_mem": 10 << 30,
                "architecture": "amd64",
            },
        ),
        ("cpu", {}),
        ("no GPU, aarch64", {"architecture": "arm64"}),
    ],
)
def test_a_line_names_the_facts_and_is_written_so_that_it_is_read_again(text: str, facts: dict[str, Any]) -> None:
    assert typed_worker(text, TABLES) == facts
    assert typed_worker(written_worker(facts, TABLES), TABLES) == facts
    WorkerFacts.model_validate(facts)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "such as RTX 4090, 550.120; or `cpu`"),
        (" , ", "such as RTX 4090, 550.120"),
        ("550.120", "Type the GPU as well"),
        ("RTX 4099, 550", "did you mean RTX 4090"),
        ("Quadro P60", "did you mean"),
        ("<script>alert(1)</script>", "There is no GPU"),
        ("RTX 4090, L4", "The GPU is there twice, as RTX 4090 and as L4"),
        ("RTX 4090, 550.120, 535.104.05", "The driver is there twice"),
        ("cpu, 550.120", "its architecture alone"),
    ],
)
def test_what_is_wrong_is_said_with_what_would_be_right(text: str, words: str) -> None:
    with pytest.raises(Invalid) as error:
        typed_worker(text, TABLES)
    assert words in error.value.detail
    assert [problem.field for problem in error.value.problems] == ["worker"]


PRINTED = [name for name in vars(test_nvidia_smi) if name.isupper() and isinstance(vars(test_nvidia_smi)[name], str)]


@pytest.mark.parametrize("name", PRINTED)
def test_each_gpu_that_nvidia_smi_prints_is_a_line(name: str) -> None:
    gpus = read(vars(test_nvidia_smi)[name], TABLES).gpus
    assert gpus
    for gpu in gpus:
        line = written_worker(gpu.facts, TABLES)
        facts = typed_worker(line, TABLES)
        told_by_name = {"compute_capability"} - facts.keys()
        assert facts == {name: value for name, value in gpu.facts.items() if name not in told_by_name}, line


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=80))
def test_any_text_is_facts_or_an_error_in_words(text: str) -> None:
    with contextlib.suppress(Invalid):
        assert typed_worker(text, TABLES).keys() <= WorkerFacts.model_fields.keys()
