from dataclasses import fields, replace

from bayplan.domain.compatibility.image import FACT_NAMES, FACTS, CompatLibraries, Image, framework_kernels
from bayplan.domain.compatibility.node import Node
from bayplan.domain.compatibility.rules import RULES


def test_every_fact_is_a_field_of_an_image_and_unknown_at_first() -> None:
    names = {field.name for field in fields(Image)}
    assert len(FACTS) == 18
    assert set(FACT_NAMES) <= names
    assert all(getattr(Image(), name) is None for name in FACT_NAMES)


def test_images_with_equal_needs_are_one() -> None:
    first = Image(
        cuda="12.4.1",
        compat_package=CompatLibraries("12.4", "550.54.15"),
        kernel_architectures=framework_kernels("8.0"),
    )
    other = Image(
        cuda="12.4.1",
        compat_package=CompatLibraries("12.4", "550.54.15"),
        kernel_architectures=framework_kernels("8.0"),
    )
    assert len({first, other}) == 1


def test_only_a_jetpack_requirement_makes_an_image_one_for_tegra() -> None:
    assert Image(requirements=(("NVIDIA_REQUIRE_JETPACK", "csv-mounts=all"),)).is_for_tegra
    assert Image(requirements=(("NVIDIA_REQUIRE_JETPACK_HOST_MOUNTS", "base-only"),)).is_for_tegra
    assert not Image(requirements=(("NVIDIA_REQUIRE_JETPACK_HOST_MOUNTS", ""),)).is_for_tegra
    assert not Image(requirements=(("NVIDIA_REQUIRE_CUDA", "cuda>=12.4"),)).is_for_tegra
    assert not Image().is_for_tegra


def test_what_no_rule_reads_does_not_make_nodes_distinct() -> None:
    first = Node("535.104.05", "8.6", cpu_mem_bytes=2, kernel_version="5.15")
    other = Node("535.104.05", "8.6", cpu_mem_bytes=4, kernel_version="6.8")
    assert RULES.kind(first) == RULES.kind(other)
    assert RULES.kind(first) != RULES.kind(Node("535.104.05", "8.9"))


def test_the_kernel_counts_where_the_driver_has_no_version() -> None:
    first, other = Node(target="gfx942", kernel_version="6.8"), Node(target="gfx942", kernel_version="6.14")
    assert RULES.kind(first) != RULES.kind(other)
    assert RULES.kind(replace(first, driver_version="6.12.12")) == RULES.kind(replace(other, driver_version="6.12.12"))
