"""Properties of every verdict, whatever the image and the node."""

import datetime
from dataclasses import fields, replace
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from bayplan.domain.compatibility.image import CompatLibraries, Deprecation, Image, framework_kernels
from bayplan.domain.compatibility.index import CatalogueIndex
from bayplan.domain.compatibility.judge import judge
from bayplan.domain.compatibility.match import match
from bayplan.domain.compatibility.node import Node
from bayplan.domain.compatibility.order import CatalogueImage
from bayplan.domain.compatibility.question import MatchQuery
from bayplan.domain.compatibility.tables import load
from bayplan.domain.compatibility.verdict import ORDER, Grade, ReasonCode

TABLES = load()
TODAY = datetime.date(2026, 3, 1)

anything = st.none() | st.text(max_size=20)
cudas = st.sampled_from(sorted({release.full_version for release in TABLES.cuda})) | st.sampled_from(["12.7", "99.9"])
drivers = st.sampled_from(sorted({release.min_driver for release in TABLES.cuda if release.min_driver}))
capabilities = st.sampled_from(sorted({str(row.capability) for row in TABLES.capabilities}))
kernels = st.lists(capabilities | capabilities.map(lambda text: f"{text}+PTX") | st.text(max_size=5), max_size=4)
requirements = st.lists(
    st.tuples(
        st.sampled_from(["NVIDIA_REQUIRE_CUDA", "NVIDIA_REQUIRE_ARCH", "NVIDIA_REQUIRE_JETPACK", "CUDA_VERSION"]),
        st.sampled_from(["", "cuda>=12.4", "arch>=8.0", "brand=tesla,driver>=470", "12.4.1", "cu12"])
        | st.text(max_size=20),
    ),
    max_size=3,
)
maybe = st.none() | st.booleans()
sizes = st.sampled_from([None, 0, 2**30, 2**40])

images = st.builds(
    Image,
    cpu=st.booleans(),
    cuda=st.none() | cudas | st.text(max_size=10),
    min_generation=st.sampled_from([None, "Ampere", "Blackwell", "Rubin", "nonsense"]),
    framework=st.sampled_from([None, "PyTorch", "tensorflow", "x"]),
    framework_version=st.sampled_from([None, "2.4.0", "2.7.1+cu126", "1.0rc1", "main"]),
    architectures=st.none() | st.lists(st.sampled_from(["amd64", "arm64", "x"]), max_size=2).map(tuple),
    requirements=st.none() | requirements.map(tuple),
    disable_require=maybe,
    compat_package=st.none() | st.builds(CompatLibraries, st.none() | cudas | anything, st.none() | drivers | anything),
    accelerator=st.sampled_from([None, "cuda", "rocm", "x"]),
    rocm_version=st.none() | st.sampled_from(["6.3.2", "7.0"]) | anything,
    compat_activation=st.sampled_from([None, "toolkit", "entrypoint", "always", "never"]),
    framework_cuda=st.none() | cudas | anything,
    kernel_architectures=st.none()
    | kernels.map(lambda texts: framework_kernels(*texts))
    | st.dictionaries(st.sampled_from(["torch", "flash_attn", "x"]), kernels.map(tuple)).map(
        lambda libraries: tuple(libraries.items())
    ),
    compiles_at_runtime=st.sampled_from([None, False, "ptx", "cubin"]),
    compiler_cuda=st.none() | cudas | anything,
    min_driver=st.none() | drivers | anything,
    min_compute_capability=st.none() | capabilities | anything,
    min_gpu_memory_bytes=sizes,
    min_shared_memory_bytes=sizes,
    min_gpus=st.sampled_from([None, 0, 1, 2]),
    needs_driver=maybe,
    end_of_life=st.none() | st.dates(),
    deleted=st.booleans(),
    withdrawn_reason=st.sampled_from([None, "", "bad"]),
    missing_in_registry=st.booleans(),
    deprecation=st.none() | st.builds(Deprecation, st.dates(), st.sampled_from([None, "bad"]), st.none() | anything),
)
nodes = st.builds(
    Node,
    driver_version=st.none() | drivers | anything,
    compute_capability=st.none() | capabilities | anything,
    hardware_generation=st.sampled_from([None, "Ampere", "Blackwell", "nonsense"]),
    gpu_name=st.sampled_from([None, "Tesla T4", "NVIDIA GeForce RTX 3090", "GRID A100-40C", "x"]),
    gpu_brand=st.sampled_from([None, "Tesla", "GeForce", "NvidiaRTX", "GRID", ""]),
    architecture=st.sampled_from([None, "amd64", "arm64", "x"]),
    accelerator=st.sampled_from([None, "cuda", "rocm"]),
    target=st.sampled_from([None, "gfx942", "gfx90a:sramecc+:xnack-"]) | anything,
    driver_cuda_version=st.none() | cudas | anything,
    runtime_mode=st.sampled_from([None, "legacy", "csv", "cdi", "jit-cdi", "auto", "x"]),
    toolkit_version=st.sampled_from([None, "1.17.3", "1.19.0"]) | anything,
    cdi_driver_version=st.none() | drivers | anything,
    fabric_ready=maybe,
    l4t_version=st.sampled_from([None, "36.4.3", "38.2"]) | anything,
    wsl=maybe,
    mig_profile=st.sampled_from([None, "1g.10gb"]) | anything,
    vgpu_licensed=maybe,
    kernel_version=st.none() | anything,
    gpu_mem_bytes=sizes,
    shared_memory_bytes=sizes,
)


@given(images, nodes)
def test_the_judge_never_raises_and_always_explains(image: Image, node: Node) -> None:
    verdict = judge(image, node, TABLES, TODAY)
    assert verdict.grade in ORDER
    if verdict.grade in (Grade.NO, Grade.UNKNOWN, Grade.JIT, Grade.MINOR, Grade.FORWARD):
        assert verdict.grade in {reason.grade for reason in verdict.reasons}
    for reason in verdict.reasons:
        assert reason.code in ReasonCode
        assert reason.detail
        assert reason.source


@given(images, nodes)
def test_facts_that_are_not_known_never_make_a_verdict_worse(image: Image, node: Node) -> None:
    unknown: dict[str, Any] = dict.fromkeys(
        ("requirements", "compat_activation", "compiles_at_runtime", "min_driver", "min_compute_capability"), None
    )
    image = replace(image, cpu=False)  # where the GPU rules say no, the CPU is better than not to know
    complete = judge(image, node, TABLES, TODAY)
    less = judge(replace(image, end_of_life=None, **unknown), node, TABLES, TODAY)
    if not image.is_for_tegra and image.compat_activation != "always":
        assert ORDER[less.grade] <= ORDER[complete.grade]


@given(images, nodes, drivers, drivers)
def test_a_newer_driver_makes_what_runs_no_worse_but_by_older_compat_libraries(
    image: Image, node: Node, first: str, second: str
) -> None:
    low, high = sorted((first, second), key=lambda text: [int(part) for part in text.split(".")])
    # A start condition may name a driver branch, and so does the compat package that makes a verdict `forward`.
    plain = replace(image, requirements=None)
    before = judge(plain, replace(node, driver_version=low), TABLES, TODAY)
    after = judge(plain, replace(node, driver_version=high), TABLES, TODAY)
    if before.grade in (Grade.NATIVE, Grade.MINOR) and ORDER[after.grade] > ORDER[before.grade]:
        assert "compat_older_than_driver" in {reason.code for reason in after.reasons if reason.grade is Grade.NO}


@given(images, images, nodes)
def test_what_an_image_says_on_an_architecture_counts_there_alone(image: Image, there: Image, node: Node) -> None:
    both = replace(image, by_architecture=(("arm64", there),))
    meant = there if node.architecture == "arm64" else image
    assert judge(both, node, TABLES, TODAY) == judge(meant, node, TABLES, TODAY)


@settings(max_examples=30)
@given(st.lists(images, max_size=12), nodes, st.randoms(use_true_random=False))
def test_the_order_is_total_and_independent_of_the_input(images: list[Image], node: Node, shuffler: Any) -> None:
    candidates = [CatalogueImage(pk, str(pk % 3), image, ("train",), "od") for pk, image in enumerate(images)]
    answer = match(MatchQuery(node), CatalogueIndex.build(candidates, TABLES), TODAY)
    shuffler.shuffle(candidates)
    assert match(MatchQuery(node), CatalogueIndex.build(candidates, TABLES), TODAY) == answer
    pks = [pk for pk, _ in answer.matches + answer.rejected]
    assert sorted(pks) == [pk for pk, image in enumerate(images) if not image.deleted]
    for (_, verdict), (pk, _) in zip(answer.matches, answer.matches, strict=True):
        assert verdict == judge(images[pk], node, TABLES, TODAY)


def test_the_strategies_fill_every_field() -> None:
    assert {field.name for field in fields(Image)} - {"deleted", "by_architecture"} <= {
        "cpu", "cuda", "min_generation", "framework", "framework_version", "architectures", "requirements",
        "disable_require", "compat_package", "compat_activation", "kernel_architectures", "compiles_at_runtime",
        "min_driver", "min_compute_capability", "end_of_life", "withdrawn_reason", "missing_in_registry",
        "accelerator", "rocm_version", "framework_cuda", "compiler_cuda", "min_gpu_memory_bytes",
        "min_shared_memory_bytes", "min_gpus", "needs_driver", "deprecation",
    }  # fmt: skip
