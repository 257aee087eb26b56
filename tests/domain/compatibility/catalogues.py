"""Random images, nodes and questions that touch every rule, from a seed: the input of the tests of the index."""

import datetime
import random
from dataclasses import replace

from bayplan.domain.compatibility.image import (
    CompatActivation,
    CompatLibraries,
    Deprecation,
    Image,
    framework_kernels,
)
from bayplan.domain.compatibility.node import Node
from bayplan.domain.compatibility.order import CatalogueImage
from bayplan.domain.compatibility.question import MatchQuery
from bayplan.domain.compatibility.tables import load
from bayplan.domain.compatibility.verdict import Grade

TABLES = load()
TODAY = datetime.date(2026, 3, 1)

CUDAS = (None, *sorted({row.full_version for row in TABLES.cuda}), "12.7", "13", "99.9", "x")
DRIVERS = (
    *sorted({row.min_driver for row in TABLES.cuda if row.min_driver}),
    "540.4.0",
    "528.33",
    "535.104.05",
    "999.1",
    "x",
)
CAPABILITIES = tuple(str(row.capability) for row in TABLES.capabilities)
FRAMEWORKS = (
    (None, None), ("PyTorch", "2.4.0"), ("pytorch", "2.4"), ("PyTorch", "2.10"), ("PyTorch", "2.7.1+cu126"),
    ("PyTorch", "2.9.1+cu130"), ("PyTorch", "2.9.1+cpu"), ("PyTorch", "2.9.1+rocm6.4"), ("TensorFlow", "2.16.1"),
    ("tensorflow", "main"), ("JAX", "0.4.30"), ("PyTorch", None),
)  # fmt: skip
GPUS = (
    (None, None), ("Tesla T4", "Tesla"), ("NVIDIA A100-SXM4-80GB", "Nvidia"), ("NVIDIA GeForce RTX 3090", "GeForce"),
    ("GRID A100-40C", "GRID"), ("NVIDIA RTX A6000", "NvidiaRTX"), ("NVIDIA L40S-48Q", "NvidiaVWS"), ("Orin", None),
    ("Quadro P4000", None), ("x", "x"),
)  # fmt: skip
REQUIREMENTS = (
    None, (), (("NVIDIA_REQUIRE_CUDA", "cuda>=12.4 brand=tesla,driver>=470,driver<471"),), (("CUDA_VERSION", "12.1.1"),),
    (("CUDA_VERSION", "nonsense"),), (("NVIDIA_REQUIRE_ARCH", "arch>=8.0"),), (("NVIDIA_REQUIRE_CUDA", "cuda>"),),
    (("NVIDIA_REQUIRE_JETPACK", "csv-mounts=all"),),
)  # fmt: skip
KERNELS = (
    None, None, framework_kernels(), framework_kernels("7.0", "8.0", "9.0"), framework_kernels("8.0+PTX"),
    framework_kernels("5.0", "6.0", "7.0+PTX"), framework_kernels("9.0a", "10.0f"), framework_kernels("8.7"),
    framework_kernels("x"), (("torch", ("8.0", "9.0+PTX")),), (("flash_attn", ("8.0",)), ("torch", ("7.5", "8.0"))),
    framework_kernels("gfx90a", "gfx942"), framework_kernels("gfx90a:xnack-", "gfx11-generic"), framework_kernels("compute_80"),
)  # fmt: skip
COMPAT = (
    None,
    None,
    CompatLibraries("12.4", "550.54.15"),
    CompatLibraries("12.4", "550"),
    CompatLibraries("12.8", "570.86.10"),
    CompatLibraries(None, None),
)
ARCHITECTURES = (None, "amd64", "arm64", "aarch64", "riscv64")
DAYS = (None, None, TODAY - datetime.timedelta(1), TODAY, TODAY + datetime.timedelta(30))
TASKS = ("train", "Train", "predict", "export")
DOMAINS = ("od", "OD", "ic", "sp")
MAYBE = (None, False, True)
ACTIVATIONS: tuple[CompatActivation | None, ...] = (None, "toolkit", "entrypoint", "always", "always", "never")
SIZES = (None, None, 0, 2**30, 24 * 2**30)


DEPRECATIONS = (Deprecation(datetime.date(2026, 1, 2)), Deprecation(datetime.date(2026, 3, 4), "CUDA 11", "torch 2.7"))


def random_image(dice: random.Random, *, nested: bool = True) -> Image:
    """An image; one in four says something else on some architecture."""
    framework, version = dice.choice(FRAMEWORKS)
    image = Image(
        cpu=dice.random() < 0.3,
        cuda=dice.choice(CUDAS),
        min_generation=dice.choice((None, None, "Ampere", "Blackwell", "nonsense")),
        framework=framework,
        framework_version=version,
        architectures=dice.choice((None, ("amd64",), ("arm64",), ("amd64", "arm64"), ())),
        accelerator=dice.choice((None, None, None, "cuda", "rocm", "ascend")),
        rocm_version=dice.choice((None, None, None, "6.3.2", "7.0", "x")),
        framework_cuda=dice.choice((None, None, "11.8", "12.8", "13.0", "13", "x")),
        requirements=dice.choice(REQUIREMENTS),
        disable_require=dice.choice(MAYBE),
        compat_package=dice.choice(COMPAT),
        compat_activation=dice.choice(ACTIVATIONS),
        kernel_architectures=dice.choice(KERNELS),
        compiles_at_runtime=dice.choice((None, False, "ptx", "cubin")),
        compiler_cuda=dice.choice((None, None, "12.4", "12.8", "x")),
        min_driver=dice.choice((None, None, "525.60.13", "x")),
        min_compute_capability=dice.choice((None, None, "8.0", "x")),
        min_gpu_memory_bytes=dice.choice(SIZES),
        min_shared_memory_bytes=dice.choice(SIZES),
        min_gpus=dice.choice((None, None, 1, 2)),
        needs_driver=dice.choice(MAYBE),
        end_of_life=dice.choice(DAYS),
        deleted=dice.random() < 0.05,
        withdrawn_reason=dice.choice((None, None, None, "bad")),
        missing_in_registry=dice.random() < 0.1,
        deprecation=dice.choice((None, None, None, None, *DEPRECATIONS)),
    )
    if not nested or dice.random() < 0.75:
        return image
    names = dice.sample(("arm64", "amd64", "riscv64"), dice.randint(1, 2))
    other = replace(image, requirements=dice.choice(REQUIREMENTS), compat_package=dice.choice(COMPAT))
    return replace(
        image,
        by_architecture=(*((name, random_image(dice, nested=False)) for name in names[:-1]), (names[-1], other)),
    )


def random_node(dice: random.Random) -> Node:
    """A node; one in eight has no GPU, one in six is a Tegra."""
    if dice.random() < 0.125:
        return Node(architecture=dice.choice(ARCHITECTURES), cpu_mem_bytes=dice.randrange(4))
    name, brand = dice.choice(GPUS)
    node = Node(
        driver_version=dice.choice(DRIVERS),
        compute_capability=dice.choice((None, *CAPABILITIES)),
        hardware_generation=dice.choice((None, "Ampere", "Blackwell", "nonsense")),
        gpu_name=name,
        gpu_brand=dice.choice((brand, brand, None)),
        gpu_mem_bytes=dice.randrange(4),
        cpu_mem_bytes=dice.randrange(4),
        architecture=dice.choice(ARCHITECTURES),
        accelerator=dice.choice((None, None, "cuda", "rocm")),
        target=dice.choice((None, None, None, "gfx942", "gfx90a:sramecc+:xnack-", "gfx1100", "x")),
        driver_cuda_version=dice.choice((None, None, "12.2", "12.8", "13.5", "x")),
        runtime_mode=dice.choice((None, "legacy", "csv", "cdi", "jit-cdi", "auto", "x")),
        toolkit_version=dice.choice((None, "1.17.3", "1.17.6", "1.17.8", "1.18.0", "1.19.0", "1.20.0", "x")),
        cdi_driver_version=dice.choice((None, None, "535.104.05", "x")),
        l4t_version=dice.choice((None, None, "36.4.3", "38.2", "x")),
        wsl=dice.choice(MAYBE),
        mig_profile=dice.choice((None, None, "1g.10gb", "x")),
        vgpu_licensed=dice.choice(MAYBE),
        kernel_version=dice.choice((None, "6.8.0-45-generic")),
        shared_memory_bytes=dice.choice(SIZES),
        fabric_ready=dice.choice(MAYBE),
    )
    if dice.random() < 0.17:
        tegra = sorted(str(capability) for capability in TABLES.tegra)
        return replace(node, compute_capability=dice.choice(tegra), architecture=dice.choice((None, "arm64")))
    return node


def random_entry(dice: random.Random, pk: int, images: list[Image]) -> CatalogueImage:
    """An image of a catalogue with one of these images."""
    image = dice.choice(images)
    return CatalogueImage(
        pk,
        dice.choice(("1.0", "1.10", "1.9", "2.0rc1", "main")),
        image,
        tuple(dice.sample(TASKS, dice.randint(0, 2))),
        dice.choice(DOMAINS),
        framework=None if image.framework is None else FRAMEWORKS.index((image.framework, image.framework_version)),
        cuda=None if image.cuda is None else CUDAS.index(image.cuda),
        name=f"image-{pk % 7}",
    )


def random_query(dice: random.Random, node: Node) -> MatchQuery:
    """A question about a node."""
    grades = frozenset(dice.sample([grade for grade in Grade if grade is not Grade.CAVEAT], dice.randint(1, 7)))
    return MatchQuery(
        node,
        task=dice.choice((None, None, "TRAIN", "predict", "segment")),
        domain=dice.choice((None, None, "od", "xx")),
        framework=dice.choice((None, None, "pytorch", "PyTorch>=2.5", "tensorflow<3", "caffe")),
        **({"grades": grades} if dice.random() < 0.5 else {}),
    )
