"""Facts that rules read besides the fields of `Image`, each with the fields that it is derived from.

A rule gives images that are equal in the facts which it declares the same result, so the index judges them once.
"""

from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass
from operator import attrgetter

from bayplan.domain.compatibility.image_requirements import ImageRequirements

_OF_CPU_BUILD = (
    "framework_version",
    "framework_cuda",
    "kernel_architectures",
    "rocm_version",
    "accelerator",
    "needs_driver",
)


@dataclass(frozen=True, slots=True)
class DerivedFact:
    """A value that a rule derives from several fields of an image; the rule gives equal images the same result."""

    fields: tuple[str, ...]
    read: Callable[[ImageRequirements], Hashable]


_ACCELERATOR_FIELDS = (
    "accelerator",
    "rocm_version",
    "kernel_architectures",
    "cuda",
    "framework_version",
    "framework_cuda",
    "compat_package",
)
_GPU_FIELDS = (*_ACCELERATOR_FIELDS, "cpu", "needs_driver")

DERIVED_FACTS: Mapping[str, DerivedFact] = {
    "works_on_cpu": DerivedFact(("cpu", *_OF_CPU_BUILD), lambda requirements: requirements.works_on_cpu),
    "is_cpu_build": DerivedFact(_OF_CPU_BUILD, lambda requirements: requirements.is_cpu_build),
    "uses_gpu": DerivedFact(_GPU_FIELDS, lambda requirements: requirements.uses_gpu),
    "falls_back_to_cpu": DerivedFact(_GPU_FIELDS, lambda requirements: requirements.falls_back_to_cpu),
    "built_for_tegra": DerivedFact(("kernel_architectures",), lambda requirements: requirements.built_for_tegra),
    "needs_driver_only": DerivedFact(
        ("needs_driver", "cuda", "framework_version", "framework_cuda"),
        lambda requirements: requirements.needs_driver_only,
    ),
    "rocm": DerivedFact(("rocm_version", "framework_version"), lambda requirements: requirements.rocm),
    "amd_code": DerivedFact(
        ("kernel_architectures", "framework", "framework_version"),
        lambda requirements: requirements.amd_code,
    ),
    "accelerator": DerivedFact(_ACCELERATOR_FIELDS, lambda requirements: requirements.accelerator),
    "framework_accelerator": DerivedFact(
        ("framework_version", "framework_cuda"), lambda requirements: requirements.framework_accelerator
    ),
    "cuda_text": DerivedFact(
        ("cuda", "framework_cuda", "framework_version"), lambda requirements: requirements.cuda_text
    ),
    "compat": DerivedFact(
        ("cuda", "compat_package", "compat_activation"), lambda requirements: requirements.compat_facts
    ),
    "builds": DerivedFact(
        ("kernel_architectures", "framework", "framework_version", "framework_cuda", "cuda", "architectures"),
        lambda requirements: requirements.all_builds,
    ),
    "compilation": DerivedFact(
        ("compiles_at_runtime", "compiler_cuda", "framework", "framework_version"),
        lambda requirements: (requirements.compiles_at_runtime, requirements.compiler_cuda),
    ),
    "own_capability": DerivedFact(
        ("min_compute_capability", "framework", "framework_version"),
        lambda requirements: (requirements.own_capability, requirements.own_capability_source),
    ),
    "has_xla": DerivedFact(("framework",), lambda requirements: requirements.has_xla),
}
"""Facts that rules may declare besides the fields of `Image`."""


def fact_reader(names: tuple[str, ...]) -> Callable[[ImageRequirements], Hashable]:
    """The function that reads these facts of an image, as a key for comparison."""
    readers = [DERIVED_FACTS[name].read if name in DERIVED_FACTS else attrgetter(f"declared.{name}") for name in names]
    return readers[0] if len(readers) == 1 else lambda requirements: tuple([read(requirements) for read in readers])


def image_fields(facts: Iterable[str]) -> frozenset[str]:
    """The fields of `Image` that these facts depend on."""
    return frozenset(
        field for name in facts for field in (DERIVED_FACTS[name].fields if name in DERIVED_FACTS else (name,))
    )
