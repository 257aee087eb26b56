"""`bayplan nodes ...`: the worker nodes, each one GPU of one machine, or a machine without a GPU."""

from collections.abc import Mapping
from typing import Annotated

import typer

from bayplan.cli.options import (
    NONE,
    Architecture,
    AsJson,
    Brand,
    ComputeCapability,
    Driver,
    FabricReady,
    Gpu,
    Mistyped,
    NodeWord,
    RuntimeMode,
    Server,
    ToolkitVersion,
    duration,
    size,
)

group = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="The worker nodes.")

GpuMemory = Annotated[int | None, typer.Option(metavar="SIZE", parser=size, help="The GPU's memory, like 48GiB.")]
CpuMemory = Annotated[int | None, typer.Option(metavar="SIZE", parser=size, help="The machine's memory, like 256GiB.")]


def register(app: typer.Typer) -> None:
    """Adds the group."""
    app.add_typer(group, name="nodes")


@group.command("list")
def list_(server: Server = None, as_json: AsJson = False) -> None:
    """List the nodes, by address."""
    from bayplan.cli import output, session
    from bayplan.cli.nodes import view as node_view

    with session.connect(server) as client:
        if as_json:
            return output.show_json(client.nodes.list(order_by=("ip", "index")))
        return node_view.show_list(client.nodes.list(order_by=("ip", "index"), expand=True))


@group.command()
def show(node: NodeWord, server: Server = None, as_json: AsJson = False) -> None:
    """Show everything about a node."""
    from bayplan.cli import lookup, output, session
    from bayplan.cli.nodes import view as node_view

    with session.connect(server) as client:
        found = lookup.node(client, node)
        if as_json:
            return output.show_json(client.nodes.get(found["pk"]))
        return node_view.show_one(found)


@group.command()
def add(
    ip: Annotated[str, typer.Argument(metavar="ADDRESS", help="Its address or host name.", show_default=False)],
    index: Annotated[int, typer.Option(min=0, metavar="N", help="Which GPU of the machine it is.")] = 0,
    driver: Driver = None,
    compute_capability: ComputeCapability = None,
    gpu: Gpu = None,
    brand: Brand = None,
    gpu_mem: GpuMemory = None,
    cpu_mem: CpuMemory = None,
    architecture: Architecture = None,
    runtime_mode: RuntimeMode = None,
    toolkit_version: ToolkitVersion = None,
    fabric_ready: FabricReady = None,
    server: Server = None,
    as_json: AsJson = False,
) -> None:
    """Add a node; without --driver it is one without GPU."""
    from bayplan.cli import output, session

    given = {
        "ip": ip,
        "index": index,
        "driver_version": driver,
        "compute_capability": compute_capability,
        "gpu_name": gpu,
        "gpu_brand": brand,
        "gpu_mem": gpu_mem,
        "cpu_mem": cpu_mem,
        "architecture": architecture,
        "runtime_mode": runtime_mode,
        "toolkit_version": toolkit_version,
        "fabric_ready": fabric_ready,
    }
    with session.connect(server) as client:
        added = client.nodes.create(_body(given))
    if as_json:
        return output.show_json(added)
    return typer.echo(f"Added {added['ip']}#{added['index']} as node {added['pk']}.")


@group.command()
def edit(
    node: NodeWord,
    ip: Annotated[str | None, typer.Option(metavar="ADDRESS", help="Its new address or host name.")] = None,
    index: Annotated[int | None, typer.Option(min=0, metavar="N", help="Which GPU of the machine it is.")] = None,
    driver: Driver = None,
    compute_capability: ComputeCapability = None,
    gpu: Gpu = None,
    brand: Brand = None,
    gpu_mem: GpuMemory = None,
    cpu_mem: CpuMemory = None,
    architecture: Architecture = None,
    runtime_mode: RuntimeMode = None,
    toolkit_version: ToolkitVersion = None,
    fabric_ready: FabricReady = None,
    server: Server = None,
    as_json: AsJson = False,
) -> None:
    """Change what is given of a node; the rest stays.

    The word none takes a text away.
    """
    from bayplan.cli import lookup, output, session

    given = {
        "ip": ip,
        "index": index,
        "driver_version": driver,
        "compute_capability": compute_capability,
        "gpu_name": gpu,
        "gpu_brand": brand,
        "gpu_mem": gpu_mem,
        "cpu_mem": cpu_mem,
        "architecture": architecture,
        "runtime_mode": runtime_mode,
        "toolkit_version": toolkit_version,
        "fabric_ready": fabric_ready,
    }
    changes = _body(given)
    if not changes:
        raise Mistyped("Say what to change, as in `--driver 550.54.15`; --help lists what there is.")
    with session.connect(server) as client:
        changed = client.nodes.update(lookup.node(client, node)["pk"], changes)
    if as_json:
        return output.show_json(changed)
    return typer.echo(f"Changed {', '.join(sorted(changes))} of {changed['ip']}#{changed['index']}.")


@group.command()
def rm(node: NodeWord, server: Server = None) -> None:
    """Remove a node."""
    from bayplan.cli import lookup, session

    with session.connect(server) as client:
        found = lookup.node(client, node)
        client.nodes.delete(found["pk"])
    typer.echo(f"Removed {found['ip']}#{found['index']}.")


@group.command("join-token")
def join_token(
    expires_in: Annotated[
        int,
        typer.Option(metavar="DURATION", parser=duration, help="For how long it is good: 90s, 15m, 12h; at most 31d."),
    ] = "1h",  # type: ignore[assignment]  # the parser reads the default too
    uses: Annotated[int, typer.Option(min=1, metavar="N", help="How many machines can join with it.")] = 1,
    server: Server = None,
    as_json: AsJson = False,
) -> None:
    """Make a token with which machines join as workers."""
    from bayplan.cli import output, session

    with session.connect(server) as client:
        made = client.nodes.make_join_token(expires_in=expires_in, uses=uses)
        if as_json:
            return output.show_json(made)
        typer.echo(made["token"])
        good = (
            f"Good for {output.count(uses, 'machine')} until {output.moment(made['expires'])}; it is not shown again."
        )
        typer.echo(f"{good} On each machine:", err=True)
        return typer.echo(f"  bayplan worker join {client.server} --token {made['token']}", err=True)


@group.command()
def workers(server: Server = None, as_json: AsJson = False) -> None:
    """List the machines that have joined, by address."""
    from bayplan.cli import output, session
    from bayplan.cli.nodes import view as node_view

    with session.connect(server) as client:
        found = client.nodes.workers()
    return output.show_json(found) if as_json else node_view.show_workers(found)


@group.command()
def revoke(
    worker: Annotated[
        str, typer.Argument(metavar="WORKER", help="Its name, like w-5f2b8c1d9e3a7046.", show_default=False)
    ],
    with_nodes: Annotated[bool, typer.Option("--nodes", help="Remove its nodes as well.")] = False,
    server: Server = None,
) -> None:
    """End a worker's credential at once."""
    from bayplan.cli import session

    with session.connect(server) as client:
        client.nodes.revoke(worker, nodes=with_nodes)
    typer.echo(f"Revoked {worker}{' and removed its nodes' if with_nodes else '; its nodes stay'}.")


def _body(given: Mapping[str, object]) -> dict[str, object]:
    """The fields that were given; the word "none" takes a value away."""
    return {name: None if value == NONE else value for name, value in given.items() if value is not None}
