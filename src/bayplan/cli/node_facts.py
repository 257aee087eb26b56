"""The facts of a node in one table: the options for them in every command, and their titles in `nodes show`."""

import functools
import inspect
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Annotated, Any

import typer

from bayplan.cli.options import size

Command = Callable[..., None]


@dataclass(frozen=True)
class NodeFact:
    """A fact: its title, and the type of its option."""

    title: str
    option: Any
    is_size: bool = False


NODE_FACTS: Mapping[str, NodeFact] = {
    "gpu_name": NodeFact(
        "gpu",
        Annotated[str | None, typer.Option("--gpu", metavar="NAME", help="The GPU's name, like 'NVIDIA RTX A6000'.")],
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
        Annotated[str | None, typer.Option("--compute-capability", "--cc", metavar="X.Y", help="The GPU's, like 8.6.")],
    ),
    "driver_version": NodeFact(
        "driver",
        Annotated[str | None, typer.Option("--driver", metavar="VERSION", help="The NVIDIA driver, like 535.104.05.")],
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
        Annotated[str | None, typer.Option(metavar="ARCH", help="The machine's: amd64 or arm64.")],
    ),
    "runtime_mode": NodeFact(
        "container runtime",
        Annotated[
            str | None, typer.Option(metavar="MODE", help="Of the NVIDIA container runtime: legacy, csv or cdi.")
        ],
    ),
    "toolkit_version": NodeFact(
        "container toolkit",
        Annotated[str | None, typer.Option(metavar="VERSION", help="Of the NVIDIA container toolkit.")],
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
}
"""The facts by their fields' names, in the order of help and of `nodes show`."""

SIZES = frozenset(name for name, fact in NODE_FACTS.items() if fact.is_size)


def takes_node_facts(without: Collection[str] = ()) -> Callable[[Command], Command]:
    """Gives a command an option for each fact; the command's `**facts` get their values.

    The options come before the command's keyword-only parameters.
    """

    def decorate(command: Command) -> Command:
        parameters = [
            part for part in inspect.signature(command).parameters.values() if part.kind is not part.VAR_KEYWORD
        ]
        options = [
            inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=fact.option)
            for name, fact in NODE_FACTS.items()
            if name not in without
        ]
        first = [part for part in parameters if part.kind is not part.KEYWORD_ONLY]
        last = [part for part in parameters if part.kind is part.KEYWORD_ONLY]

        @functools.wraps(command)
        def with_facts(**arguments: Any) -> None:
            command(**arguments)

        with_facts.__signature__ = inspect.Signature([*first, *options, *last])  # type: ignore[attr-defined]  # inspect reads it
        return with_facts

    return decorate
