"""What an image says about itself, and what it does not."""

import csv

import pytest

from bayplan.domain.compatibility import tables
from bayplan.registry.content import Config, Descriptor, LayerDescriptor, Manifest
from bayplan.registry.contradictions import FactContradiction, contradictions
from bayplan.registry.cuda_facts import CUDART
from bayplan.registry.evidence import Evidence, ObservedFact
from bayplan.registry.interpret import PlatformFacts, platform_facts, read_facts

NGC = {
    "CUDA_VERSION": "12.6.3.004",
    "CUDA_DRIVER_VERSION": "560.35.05",
    "_CUDA_COMPAT_PATH": "/usr/local/cuda/compat",
    "LD_LIBRARY_PATH": "/usr/local/cuda/compat/lib:/usr/local/nvidia/lib",
    "NVIDIA_REQUIRE_CUDA": "cuda>=9.0",
    "NVIDIA_REQUIRE_JETPACK_HOST_MOUNTS": "",
    "NCCL_VERSION": "2.23.4",
    "CUDNN_VERSION": "9.6.0.74",
    "PYTORCH_BUILD_VERSION": "2.6.0a0+df5bbc09d1",
    "PYTORCH_VERSION": "2.6.0a0+df5bbc0",
    "NVIDIA_PYTORCH_VERSION": "24.12",
    "TORCH_CUDA_ARCH_LIST": "7.5 8.0 8.6 9.0+PTX",
    "NVIDIA_DRIVER_CAPABILITIES": "compute,utility,video",
}
NGC_LABELS = {"com.nvidia.cuda.version": "9.0", "org.opencontainers.image.version": "24.04"}


def values(env: dict[str, str], labels: dict[str, str] | None = None, **annotations: str) -> dict[str, object]:
    """The values of all facts."""
    return {name: fact.value for name, fact in read_facts(Evidence(env, labels or {}, annotations)).items()}


def test_an_ngc_image() -> None:
    """The container's tag, the base system's version and the label that is always 9.0 deceive nobody."""
    assert values(NGC, NGC_LABELS) == {
        "cuda_version": "12.6.3",
        "cudnn_version": "9.6.0.74",
        "nccl_version": "2.23.4",
        "framework": "PyTorch",
        "framework_version": "2.6.0a0+df5bbc0",
        "compat_package": {"cuda": "12.6", "driver": "560.35.05"},
        "requirements": {"NVIDIA_REQUIRE_CUDA": "cuda>=9.0", "NVIDIA_REQUIRE_JETPACK_HOST_MOUNTS": ""},
        "driver_capabilities": ["compute", "utility", "video"],
        "cuda_architectures": ["7.5", "8.0", "8.6", "9.0+PTX"],
        "kernel_architectures": ["7.5", "8.0", "8.6", "9.0+PTX"],
        "framework_cuda": "12.6",
        "compat_activation": "entrypoint",
    }
    assert read_facts(Evidence(NGC, NGC_LABELS))["cuda_version"] == ObservedFact("12.6.3", "env CUDA_VERSION", "stated")


def test_an_image_that_says_nothing() -> None:
    """Gives no facts."""
    assert (
        values({"PATH": "/bin", "NVIDIA_PYTORCH_VERSION": "24.12"}, {"org.opencontainers.image.version": "22.04"}) == {}
    )


@pytest.mark.parametrize(
    ("env", "label", "value", "certainty"),
    [
        ({"CUDA_VERSION": "12.4.1"}, "", "12.4.1", "stated"),
        ({"CUDA_VERSION": "12.4", "NV_CUDA_LIB_VERSION": "12.4.1-1"}, "", "12.4.1", "derived"),
        ({"CUDA_VERSION": "12.4", "NV_CUDA_CUDART_VERSION": "12.4.127-1"}, "", "12.4.1", "derived"),
        ({"CUDA_VERSION": "12.4", "NV_CUDA_CUDART_VERSION": "11.8.89-1"}, "", "12.4", "stated"),
        ({"CUDA_VERSION": "cu124", "NV_CUDA_CUDART_VERSION": "12.4.127-1"}, "", "12.4.1", "derived"),
        ({"NV_CUDA_CUDART_VERSION": "12.6.77-1"}, "", "12.6", "derived"),  # of 12.6.2 and of 12.6.3
        ({}, "9.0.176", "9.0.176", "stated"),
        ({}, "9.0", None, None),
        ({"CUDA_VERSION": "latest"}, "", None, None),
    ],
)
def test_cuda_releases(env: dict[str, str], label: str, value: str | None, certainty: str | None) -> None:
    """As exact as the image tells, and no more exact."""
    fact = read_facts(Evidence(env, {"com.nvidia.cuda.version": label} if label else {})).get("cuda_version")
    assert (fact and fact.value, fact and fact.certainty) == (value, certainty)


@pytest.mark.parametrize(
    ("text", "value"),
    [("8.2.1.32-1", "8.2.1.32"), ("2.11.4-1+cuda11.4", "2.11.4"), ("2.21.5", "2.21.5"), ("v9", None), ("9.1.0a", None)],
)
def test_packaging_suffixes_come_off(text: str, value: str | None) -> None:
    """And what is no version is none."""
    assert values({"NCCL_VERSION": text}).get("nccl_version") == value


def test_several_frameworks_are_left_open() -> None:
    """None of them is the framework of the image."""
    assert values({"PYTORCH_VERSION": "2.4.0", "TENSORFLOW_VERSION": "2.17.0"}) == {}
    assert values({"TENSORFLOW_VERSION": "2.17.0"}) == {"framework": "TensorFlow", "framework_version": "2.17.0"}


@pytest.mark.parametrize(
    ("name", "text", "fact", "value"),
    [
        ("NVIDIA_DISABLE_REQUIRE", "true", "disable_require", True),
        ("NVIDIA_DISABLE_REQUIRE", "1", "disable_require", True),
        ("NVIDIA_DISABLE_REQUIRE", "yes", "disable_require", False),  # the runtime does not read that as true
        ("NVIDIA_CUDA_END_OF_LIFE", "1", "end_of_life", True),
        ("NVIDIA_CUDA_END_OF_LIFE", "0", "end_of_life", None),
        ("TORCH_CUDA_ARCH_LIST", "8.0;8.6;9.0a", "cuda_architectures", ["8.0", "8.6", "9.0a"]),
        ("TORCH_CUDA_ARCH_LIST", "Ampere;Hopper", "cuda_architectures", None),
        ("TORCH_CUDA_ARCH_LIST", "", "cuda_architectures", None),
        ("NV_CUDA_COMPAT_PACKAGE", "cuda-compat-11-8", "compat_package", {"cuda": "11.8", "driver": None}),
        (
            "NV_CUDA_COMPAT_PACKAGE",
            "cuda-compat-11-8=520.61.05-1",
            "compat_package",
            {"cuda": "11.8", "driver": "520.61.05"},
        ),
        ("NV_CUDA_COMPAT_PACKAGE", "none", "compat_package", None),
        ("NV_CUDNN_PACKAGE", "libcudnn8=8.9.6.50-1+cuda12.2", "cudnn_version", "8.9.6.50"),
    ],
)
def test_variables(name: str, text: str, fact: str, value: object) -> None:
    """What single variables tell."""
    assert values({name: text}).get(fact) == value


def test_licences_are_spdx_or_open() -> None:
    """In the canonical spelling; the manifest's annotation goes before a label, which may be the base's."""
    name = "org.opencontainers.image.licenses"
    assert values({}, {name: "apache-2.0 or mit"}) == {"licence": "Apache-2.0 OR MIT"}
    assert values({}, {name: "see the file LICENSE"}) == {}
    assert (
        read_facts(Evidence(label={name: "MIT"}, annotation={name: "BSD-3-Clause"}))["licence"].source
        == f"annotation {name}"
    )


def test_an_annotation_tells_the_day_of_the_end() -> None:
    """Days, also from a time stamp."""
    name = "vnd.microsoft.artifact.lifecycle.end-of-life.date"
    for text in ("2027-01-31", "2027-01-31T00:00:00Z"):
        assert values({}, {}, **{name: text}) == {"end_of_life": "2027-01-31"}
    assert values({}, {}, **{name: "some day"}) == {}


def platform(created: str | None = None, **env: str) -> PlatformFacts:
    """An image's platform, from its documents."""
    digest = f"sha256:{'0' * 64}"
    part = Descriptor(mediaType="x", digest=digest, size=7)
    layers = (LayerDescriptor(digest=f"sha256:{'1' * 64}", size=100),) * 2
    start = {"Env": tuple(f"{name}={value}" for name, value in env.items())}
    config = Config.model_validate({"os": "linux", "architecture": "amd64", "created": created, "config": start})
    return platform_facts(digest, Manifest(config=part, layers=layers), config)


@pytest.mark.parametrize(
    ("created", "expected"),
    [
        ("2026-10-01T02:00:00.123456789+02:00", "2026-10-01T00:00:00Z"),
        ("1970-01-01T00:00:00Z", "1970-01-01T00:00:00Z"),
        ("0001-01-01T00:00:00Z", None),
        ("2026-10-01", None),
        ("yesterday", None),
        (None, None),
    ],
)
def test_times_are_in_utc(created: str | None, expected: str | None) -> None:
    """To the second, and none where there is none."""
    assert platform(created).created == expected


def test_a_layer_counts_once() -> None:
    """Because it is downloaded once."""
    assert platform().size_bytes == 107


def test_the_last_entry_of_a_variable_counts() -> None:
    """And entries without "=" set nothing."""
    config = Config.model_validate(
        {
            "os": "linux",
            "architecture": "amd64",
            "config": {"Env": ["A=1", "CUDA_VERSION=11.8.0", "B", "CUDA_VERSION=12.4.1"]},
        }
    )
    assert config.env == {"A": "1", "CUDA_VERSION": "12.4.1"}


@pytest.mark.parametrize(
    ("field", "catalogue", "agrees"),
    [
        ("cuda_version", "12.4.1", True),
        ("cuda_version", "12.4", True),
        ("cuda_version", "12.2.2", False),
        ("cuda_version", "12.4.0", False),
        ("framework", "pytorch", True),
        ("framework", "TensorFlow", False),
        ("framework_version", "2.6", True),
        ("framework_version", "2.6.0", True),
        ("framework_version", "2.16", False),
        ("cuda_version", None, True),
        ("licence", "MIT", True),  # of which the image says nothing
    ],
)
def test_contradictions(field: str, catalogue: str | None, agrees: bool) -> None:
    """A contradiction says what each side says, and where the image says so; what is open is none."""
    image = platform(CUDA_VERSION="12.4.1", PYTORCH_VERSION="2.6.0a0+df5bbc0")
    contradicted = contradictions({field: catalogue}, [image, image])
    assert (contradicted == ()) is agrees
    if field == "cuda_version" and not agrees:
        assert contradicted == (FactContradiction(field, catalogue or "", "12.4.1", "env CUDA_VERSION"),)


def test_the_cudart_table_names_real_releases() -> None:
    """Each row has a release that the CUDA table knows, and its source; each version once."""
    releases = {row["full_version"] for row in tables.read_rows("cuda.csv")}
    path = CUDART
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert {row["release"] for row in rows} <= releases
    assert all(row["source"] for row in rows)
    assert len({row["cudart"] for row in rows}) == len(rows) > 20
