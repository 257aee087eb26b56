"""The facts of a node in one table: the options for them in every command, and their titles in `nodes show`."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Annotated, Any

import typer
from typer.models import OptionInfo

from bayplan.cli.options import Command, size, takes_options


@dataclass(frozen=True)
class NodeFact:
    """A fact: its title, and the type of its option."""

    title: str
    option: Any
    is_size: bool = False


NODE_FACTS: Mapping[str, NodeFact] = {
    "gpu_name": NodeFact(
        "gpu",
        Annotated[
            str | None, typer.Option("--gpu", metavar="NAME", help="The GPU's name, like 'NVIDIA RTX A6000' or 4090.")
        ],
    ),
    "gpu_brand": NodeFact(
        "brand",
        Annotated[
            str | None,
            typer.Option("--brand", metavar="BRAND", help="The GPU's brand as NVML names it, like NvidiaRTX."),
        ],
    ),
    "compute_capability": NodeFact(
        "compute capability",
        Annotated[
            str | None,
            typer.Option("--compute-capability", "--cc", metavar="X.Y", help="The GPU's compute capability, like 8.6."),
        ],
    ),
    "driver_version": NodeFact(
        "driver",
        Annotated[
            str | None,
            typer.Option("--driver", metavar="VERSION", help="The NVIDIA driver, like 535.104.05; or amdgpu's."),
        ],
    ),
    "driver_cuda_version": NodeFact(
        "driver's cuda",
        Annotated[
            str | None,
            typer.Option(
                "--driver-cuda",
                metavar="VERSION",
                help="The CUDA release that nvidia-smi shows for the driver, like 12.8.",
            ),
        ],
    ),
    "accelerator": NodeFact(
        "accelerator",
        Annotated[str | None, typer.Option(metavar="KIND", help="The kind of GPU: cuda or rocm.")],
    ),
    "target": NodeFact(
        "target",
        Annotated[str | None, typer.Option(metavar="GFX", help="The target of an AMD GPU, like gfx942.")],
    ),
    "mig_profile": NodeFact(
        "mig profile",
        Annotated[str | None, typer.Option(metavar="PROFILE", help="The MIG profile of a slice, like 1g.10gb.")],
    ),
    "vgpu_licensed": NodeFact(
        "vgpu licensed",
        Annotated[
            bool | None,
            typer.Option(
                "--vgpu-licensed/--vgpu-unlicensed", help="Whether a virtual GPU has its licence.", show_default=False
            ),
        ],
    ),
    "gpu_mem": NodeFact(
        "gpu memory",
        Annotated[int | None, typer.Option(metavar="SIZE", parser=size, help="The GPU's memory, like 48GiB.")],
        is_size=True,
    ),
    "cpu_mem": NodeFact(
        "memory",
        Annotated[int | None, typer.Option(metavar="SIZE", parser=size, help="The machine's memory, like 256GiB.")],
        is_size=True,
    ),
    "architecture": NodeFact(
        "architecture",
        Annotated[str | None, typer.Option(metavar="ARCH", help="The machine's architecture: amd64 or arm64.")],
    ),
    "runtime_mode": NodeFact(
        "container runtime",
        Annotated[
            str | None,
            typer.Option(
                metavar="MODE", help="The mode of the NVIDIA container runtime: legacy, csv, cdi, jit-cdi or auto."
            ),
        ],
    ),
    "toolkit_version": NodeFact(
        "container toolkit",
        Annotated[str | None, typer.Option(metavar="VERSION", help="The version of the NVIDIA container toolkit.")],
    ),
    "cdi_driver_version": NodeFact(
        "driver of cdi",
        Annotated[
            str | None,
            typer.Option(metavar="VERSION", help="The driver that the machine's CDI specification was made for."),
        ],
    ),
    "fabric_ready": NodeFact(
        "fabric ready",
        Annotated[
            bool | None,
            typer.Option(
                "--fabric-ready/--fabric-not-ready", help="Whether the NVSwitch fabric is up.", show_default=False
            ),
        ],
    ),
    "l4t_version": NodeFact(
        "jetson linux",
        Annotated[
            str | None,
            typer.Option("--jetson-linux", metavar="VERSION", help="The release of Jetson Linux, like 36.4.3."),
        ],
    ),
    "wsl": NodeFact(
        "wsl",
        Annotated[
            bool | None,
            typer.Option(
                "--wsl/--no-wsl", help="Whether the machine runs Windows Subsystem for Linux.", show_default=False
            ),
        ],
    ),
    "kernel_version": NodeFact(
        "kernel",
        Annotated[str | None, typer.Option("--kernel", metavar="VERSION", help="The version of the Linux kernel.")],
    ),
    "shared_memory_bytes": NodeFact(
        "shared memory",
        Annotated[
            int | None,
            typer.Option("--shared-memory", metavar="SIZE", parser=size, help="A container's /dev/shm, like 8GiB."),
        ],
        is_size=True,
    ),
}
"""The facts by their fields' names, in the order of help and of `nodes show`."""

SIZES = frozenset(name for name, fact in NODE_FACTS.items() if fact.is_size)


def takes_node_facts(without: Collection[str] = ()) -> Callable[[Command], Command]:
    """Gives a command an option for each fact; the command's `**facts` get their values."""
    return takes_options({name: fact.option for name, fact in NODE_FACTS.items() if name not in without})


def option_of(name: str) -> str:
    """The option of a fact: "--driver" of driver_version; the name itself where there is none."""
    fact = NODE_FACTS.get(name)
    return name if fact is None else option_name(name, fact.option)


def option_name(name: str, option: Any) -> str:
    """The first name of an option, from its type, of the parameter with that name."""
    info = next(part for part in option.__metadata__ if isinstance(part, OptionInfo))
    # typer.Option takes the first name as its default, and moves it to the names only when it makes the command.
    names = [text for text in (info.default, *(info.param_decls or ())) if isinstance(text, str)]
    return names[0].partition("/")[0] if names else f"--{name.replace('_', '-')}"
