"""`bayplan nodes add`: enters a node by hand."""

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
    RuntimeMode,
    Server,
    ToolkitVersion,
)


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
    from bayplan.cli import connection, output

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
    with connection.connect(server) as client:
        added = client.nodes.create(body(given))
    if as_json:
        return output.show_json(added)
    return typer.echo(f"Added {added['ip']}#{added['index']} as node {added['pk']}.")
