"""`bayplan nodes edit`: changes fields of a node."""

from typing import Annotated

import typer

from bayplan.cli.nodes._options import CpuMemory, GpuMemory, body
from bayplan.cli.options import (
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
)


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
    from bayplan.cli import connection, lookup, output

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
    changes = body(given)
    if not changes:
        raise Mistyped("Say what to change, as in `--driver 550.54.15`; --help lists what there is.")
    with connection.connect(server) as client:
        changed = client.nodes.update(lookup.node(client, node)["pk"], changes)
    if as_json:
        return output.show_json(changed)
    return typer.echo(f"Changed {', '.join(sorted(changes))} of {changed['ip']}#{changed['index']}.")
