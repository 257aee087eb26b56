"""The facts about an image as options, which several commands take, and the facts that they stand for."""

from collections.abc import Callable, Collection, Mapping
from typing import Annotated, Any

import typer

from bayplan.cli.node_facts import option_name
from bayplan.cli.options import NONE, Command, UsageError, size, takes_options

_OPTIONS: Mapping[str, Any] = {
    "architecture": Annotated[
        list[str] | None,
        typer.Option(metavar="ARCH", help="A platform that the image is built for; repeat the option for more."),
    ],
    "accelerator": Annotated[
        str | None, typer.Option(metavar="KIND", help="The kind of GPU that the image is for: cuda, rocm, ascend, ...")
    ],
    "rocm_version": Annotated[str | None, typer.Option("--rocm", metavar="VERSION", help="The image's ROCm release.")],
    "requirement": Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=VALUE", help="An NVIDIA_REQUIRE_... variable of the image; repeat the option for more."
        ),
    ],
    "disable_require": Annotated[
        bool | None, typer.Option(help="Whether the image sets NVIDIA_DISABLE_REQUIRE.", show_default=False)
    ],
    "compat_package": Annotated[
        str | None,
        typer.Option(
            metavar="'CUDA DRIVER'", help="CUDA and driver of the image's cuda-compat package, as '12.4 550.54.15'."
        ),
    ],
    "compat_activation": Annotated[
        str | None,
        typer.Option(
            metavar="HOW", help="What puts that package before the driver: toolkit, entrypoint, always or never."
        ),
    ],
    "compat_on_loader_path": Annotated[
        bool | None,
        typer.Option(help="The same as --compat-activation always, or never.", show_default=False),
    ],
    "framework_cuda": Annotated[
        str | None,
        typer.Option(metavar="VERSION", help="The CUDA release that the image's framework was built with, like 12.8."),
    ],
    "kernel_architecture": Annotated[
        list[str] | None,
        typer.Option(
            metavar="[LIBRARY=]X.Y",
            help="A GPU that the image has kernels for (9.0, 12.0+PTX, gfx942, flash_attn=8.0); repeat the option for "
            "more.",
        ),
    ],
    "compiles_at_runtime": Annotated[
        bool | None,
        typer.Option(help="Whether the image compiles kernels to PTX while it runs.", show_default=False),
    ],
    "compiles_to": Annotated[
        str | None,
        typer.Option(
            metavar="FORM", help="What the image compiles kernels to while it runs: ptx or cubin (machine code)."
        ),
    ],
    "compiler_cuda": Annotated[
        str | None, typer.Option(metavar="VERSION", help="The CUDA release of the image's compiler, like 12.8.")
    ],
    "min_driver": Annotated[
        str | None, typer.Option(metavar="VERSION", help="The oldest driver that the image accepts.")
    ],
    "min_compute_capability": Annotated[
        str | None, typer.Option(metavar="X.Y", help="The lowest compute capability that the image accepts.")
    ],
    "min_gpu_memory_bytes": Annotated[
        int | None,
        typer.Option(
            "--min-gpu-memory",
            metavar="SIZE",
            parser=size,
            help="The GPU memory that the image needs at least, like 24GiB.",
        ),
    ],
    "min_shared_memory_bytes": Annotated[
        int | None,
        typer.Option(
            "--min-shared-memory",
            metavar="SIZE",
            parser=size,
            help="The /dev/shm that the image needs at least, like 8GiB.",
        ),
    ],
    "min_gpus": Annotated[
        int | None, typer.Option(metavar="NUMBER", help="The number of GPUs that the image needs at least.")
    ],
    "needs_driver": Annotated[
        bool | None,
        typer.Option(help="Whether the image needs the GPU's driver without using CUDA.", show_default=False),
    ],
    "end_of_life": Annotated[
        str | None, typer.Option(metavar="YYYY-MM-DD", help="The last day on which the image is maintained.")
    ],
}


def takes_image_facts(without: Collection[str] = ()) -> Callable[[Command], Command]:
    """Gives a command an option for each fact; the command's `**facts` get their values."""
    return takes_options({name: option for name, option in _OPTIONS.items() if name not in without})


def option_of(fact: str) -> str:
    """The option of a fact: "--kernel-architecture" of kernel_architectures."""
    name = fact if fact in _OPTIONS else fact.removesuffix("s")
    return option_name(name, _OPTIONS[name]) if name in _OPTIONS else f"--{fact.replace('_', '-')}"


def entered(options: Mapping[str, Any]) -> dict[str, Any]:
    """The facts for the options that have a value; the word "none" takes an entry back. Raises `UsageError`."""
    facts = {name: value for name, value in options.items() if value not in (None, [])}
    for option, name in (("architecture", "architectures"), ("requirement", "requirements")):
        if option in facts:
            facts[name] = facts.pop(option)
    if "requirements" in facts:
        facts["requirements"] = _requirements(facts["requirements"])
    if "compat_package" in facts:
        facts["compat_package"] = _compat_package(facts["compat_package"])
    if "compiles_to" in facts:
        if "compiles_at_runtime" in facts:
            raise UsageError("--compiles-to includes --compiles-at-runtime: leave that out.")
        facts["compiles_at_runtime"] = facts.pop("compiles_to")
    if "kernel_architecture" in facts:
        facts["kernel_architectures"] = _kernel_architectures(facts.pop("kernel_architecture"))
    return {name: None if value == NONE else value for name, value in facts.items()}


def _requirements(texts: list[str]) -> dict[str, str]:
    pairs = [text.partition("=") for text in texts]
    if not all(name and sign for name, sign, _ in pairs):
        raise UsageError("--requirement takes NAME=VALUE, as in 'NVIDIA_REQUIRE_CUDA=cuda>=12.4'.")
    return {name: value for name, _, value in pairs}


def _compat_package(text: str) -> dict[str, str] | str:
    if text == NONE:
        return text
    cuda, _, driver = text.strip().partition(" ")
    if not driver:
        raise UsageError("--compat-package takes its CUDA and its driver, as in '12.4 550.54.15'.")
    return {"cuda": cuda, "driver": driver.strip()}


def _kernel_architectures(texts: list[str]) -> list[str] | dict[str, list[str]]:
    pairs = [text.rpartition("=") for text in texts]
    named = [bool(sign) for _, sign, _ in pairs]
    if not any(named):
        return texts
    if not all(named):
        raise UsageError("Write each --kernel-architecture with a library, as in 'torch=9.0', or none.")
    libraries: dict[str, list[str]] = {}
    for library, _, kernel in pairs:
        libraries.setdefault(library, []).append(kernel)
    return libraries
