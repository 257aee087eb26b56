"""The grammar of frameworks: names, packages, releases and specifiers."""

import pytest

from bayplan.domain.framework_spec import FrameworkSpec
from bayplan.domain.nearest import did_you_mean, nearest

YES, NO = True, False


@pytest.mark.parametrize(
    ("text", "name", "version", "accepted"),
    [
        ("pytorch", "PyTorch", "2.4.1", YES),
        ("torch", "PyTorch", "nightly", YES),
        ("PyTorch", "torch", "2.4.1+cu124", YES),
        ("PyTorch 2.4", "PyTorch", "2.4.1", YES),
        ("PyTorch 2.4", "PyTorch", "2.4", YES),
        ("pytorch:2.4", "PyTorch", "2.4.1+cu124", YES),
        ("PyTorch v2.4", "PyTorch", "2.4.0", YES),
        ("PyTorch 2.4", "PyTorch", "2.40.0", NO),
        ("PyTorch 2", "PyTorch", "2.9.1", YES),
        ("PyTorch 2.0", "PyTorch", "2.1.0", NO),
        ("PyTorch 2.0", "PyTorch", "2", YES),
        ("PyTorch nightly", "PyTorch", "nightly", YES),
        ("PyTorch nightly", "PyTorch", "2.4", NO),
        ("pytorch>=2.4", "PyTorch", "2.10", YES),
        ("torch >= 2.4, < 3", "PyTorch", "2.4.1+cu124", YES),
        ("pytorch>=2.4", "PyTorch", "2.4.0a0", NO),
        ("pytorch>=2.4", "PyTorch", "nightly", NO),
        ("torch==2.7.1", "PyTorch", "2.7.1+cu128", YES),
        ("torch==2.7.1", "PyTorch", "2.7.0", NO),
        ("torch[opt]~=2.4.0", "PyTorch", "2.4.3", YES),
        ("tensorflow-gpu<2", "TensorFlow", "1.15.5", YES),
        ("tf", "TensorFlow", "2.19.0", YES),
        ("tensor_rt", "TensorRT", "10", YES),
        ("TensorRT", "TensorRT-LLM", "0.15", NO),
        ("Triton Inference Server", "Triton Inference Server", "24.08", YES),
        ("Triton Inference Server 24.08", "triton-inference-server", "24.08", YES),
        ("mmdetection 2020-10-11", "mmdetection", "2020-10-11", YES),
        ("TensorFlow", "PyTorch", "2.4", NO),
        ("pytorch", None, None, NO),
    ],
)
def test_what_a_text_names(text: str, name: str | None, version: str | None, accepted: bool) -> None:
    assert FrameworkSpec.parse(text).accepts(name, version) is accepted


@pytest.mark.parametrize(
    ("text", "near"),
    [
        ("pytroch", ["PyTorch"]),
        ("torch", ["PyTorch"]),
        ("TENSORFLOW", ["TensorFlow"]),
        ("tensor-rt llm", ["TensorRT-LLM"]),
        ("caffe", []),
        ("", []),
    ],
)
def test_the_nearest_names(text: str, near: list[str]) -> None:
    assert nearest(text, ["JAX", "PyTorch", "TensorFlow", "TensorRT-LLM"]) == near


def test_no_name_is_near_a_long_text() -> None:
    assert nearest("PyTorch " * 10, ["PyTorch"]) == ["PyTorch"]
    assert nearest("PyTorch " * 100, ["PyTorch"]) == []


def test_did_you_mean_in_words() -> None:
    assert did_you_mean("gpu1", ["gpu11", "gpu12", "gpu13", "cpu"], 3) == "did you mean gpu11, gpu12 or gpu13?"
    assert did_you_mean("x", ["gpu"]) == ""
