"""`bayplan check`: shows whether an image runs on a machine, without a server; the exit code is the verdict."""

from typing import Annotated, Any

import typer

from bayplan.cli import exit_codes
from bayplan.cli.matching._described_node import OF_A_GPU
from bayplan.cli.node_facts import takes_node_facts
from bayplan.cli.nodes._body import body
from bayplan.cli.options import TABLE, CpuOnly, Here, Node, Output, Server, UsageError


@takes_node_facts()
def check(
    image: Annotated[
        str,
        typer.Argument(
            metavar="IMAGE",
            help="What `docker pull` takes; a folder like oci:./folder or ./folder, or an archive that docker saved.",
            show_default=False,
        ),
    ],
    machine: Annotated[
        str | None,
        typer.Argument(
            metavar="[FILE|-]",
            help="What nvidia-smi printed on another machine, or `bayplan probe --json`; - reads standard input.",
            show_default=False,
        ),
    ] = None,
    node: Node = None,
    *,
    here: Here = False,
    cpu_only: CpuOnly = False,
    cuda: Annotated[
        str | None, typer.Option(metavar="VERSION", help="The image's CUDA release, if the image does not say it.")
    ] = None,
    cpu: Annotated[bool, typer.Option("--cpu", help="The image runs without a GPU.")] = False,
    offline: Annotated[
        bool, typer.Option("--offline", help="Ask no registry and no server: use what was read before.")
    ] = False,
    catalogue: Annotated[
        bool,
        typer.Option("--catalogue/--no-catalogue", help="Whether to ask the catalogue if you are logged in."),
    ] = True,
    server: Server = None,
    output_format: Output = TABLE,
    **facts: Any,
) -> None:
    """Show whether an image runs here, or elsewhere, and why.

    It needs no server: it reads the image's manifest in its registry and this machine's hardware. The exit code is the
    verdict: 0 it runs, 3 it does not, 4 not known; 1 is an error, and 2 a command that is typed wrongly.
    """
    changes = body(facts)
    named = [option for option, is_given in _sources(machine, node, here, cpu_only, changes).items() if is_given]
    if len(named) > 1:
        raise UsageError(f"{' and '.join(named)} each name a node; give one of them.")
    if offline and node is not None:
        raise UsageError("--node is in the catalogue of a server, which --offline does not ask.")
    if cpu_only and not changes.keys() <= {"architecture", "cpu_mem"}:
        raise UsageError(
            "--cpu-only is a node without GPU: leave out all options about it but --architecture and --cpu-mem."
        )
    from bayplan.cli import output
    from bayplan.cli.machine import _check, _standard_input
    from bayplan.cli.machine import _check_view as check_view

    request = _check.Request(
        image=image,
        text=None if machine is None else _text(machine),
        node=node,
        described=cpu_only or "--driver" in named,
        changes=changes,
        cuda=cuda,
        cpu=cpu or None,
        offline=offline,
        catalogue=catalogue and not offline,
        server=server,
    )
    answer = _check.answer(request)
    if not named and _standard_input.describes_a_machine():  # asked last: what is piped in may come late
        raise UsageError(
            "The input describes a machine, and nothing asks about it: add - to check that machine, or --here to check this one."
        )
    output.render(
        check_view.as_json(answer),
        output_format,
        view=lambda _answer: check_view.show_answer(answer),
        name=lambda described: str(described["reference"]),
    )
    raise typer.Exit(exit_codes.of_grade(answer.judged[0].grade))


def _sources(
    machine: str | None, node: str | None, here: bool, cpu_only: bool, changes: dict[str, Any]
) -> dict[str, bool]:
    """What names the node: options that describe a GPU do so where nothing else does."""
    named = {"FILE": machine is not None, "--node": node is not None, "--here": here, "--cpu-only": cpu_only}
    return named | {"--driver": bool(changes.keys() & OF_A_GPU) and not any(named.values())}


def _text(machine: str) -> str:
    """What the file has, or the input, whatever its encoding."""
    from pathlib import Path

    from bayplan.cli.machine import _standard_input
    from bayplan.domain.nvidia_smi_forms import decoded

    if machine == "-":
        return _standard_input.machine_text()
    with Path(machine).open("rb") as file:
        return decoded(file.read(_standard_input.MOST_BYTES))
