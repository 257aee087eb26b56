"""An image as the rules read it, from its facts as inspections, scans and staff enter them."""

import datetime
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from bayplan.domain.compatibility.image import CompatLibraries, Image, KernelArchitectures, framework_kernels


def image_with_facts(plain: Image, values: Mapping[str, Any]) -> Image:
    """The image with these facts by name, in place of its own."""
    compat = values.get("compat_package")
    requirements = values.get("requirements")
    end = values.get("end_of_life")
    return replace(
        plain,
        architectures=_words(values.get("architectures")),
        accelerator=values.get("accelerator"),
        rocm_version=values.get("rocm_version"),
        requirements=None if requirements is None else tuple(sorted(requirements.items())),
        disable_require=values.get("disable_require"),
        compat_package=None if compat is None else CompatLibraries(compat.get("cuda"), compat.get("driver")),
        compat_activation=values.get("compat_activation"),
        framework_cuda=values.get("framework_cuda"),
        kernel_architectures=_kernel_architectures(values.get("kernel_architectures")),
        compiles_at_runtime=values.get("compiles_at_runtime"),
        compiler_cuda=values.get("compiler_cuda"),
        min_driver=values.get("min_driver"),
        min_compute_capability=values.get("min_compute_capability"),
        min_gpu_memory_bytes=values.get("min_gpu_memory_bytes"),
        min_shared_memory_bytes=values.get("min_shared_memory_bytes"),
        min_gpus=values.get("min_gpus"),
        needs_driver=values.get("needs_driver"),
        end_of_life=None if end is None else datetime.date.fromisoformat(end),
    )


def _words(words: list[str] | None) -> tuple[str, ...] | None:
    return None if words is None else tuple(words)


def _kernel_architectures(value: list[str] | dict[str, list[str]] | None) -> KernelArchitectures | None:
    if isinstance(value, dict):
        return tuple((library, tuple(texts)) for library, texts in sorted(value.items()))
    return None if value is None else framework_kernels(*value)
