"""`bayplan match` and `bayplan why`: which images run on a worker, and why one does or does not."""

from typing import Annotated

import typer

from bayplan.cli.options import (
    Architecture,
    AsJson,
    Brand,
    ComputeCapability,
    CpuOnly,
    Domain,
    Driver,
    FabricReady,
    Framework,
    Gpu,
    Grades,
    ImageWords,
    Mistyped,
    Node,
    RuntimeMode,
    Server,
    Task,
    ToolkitVersion,
)

ALL_GRADES = ("native", "minor", "forward", "cpu", "jit", "unknown", "no")


def register(app: typer.Typer) -> None:
    """Adds the commands."""
    app.command()(match)
    app.command()(why)


def match(
    node: Node = None,
    driver: Driver = None,
    compute_capability: ComputeCapability = None,
    gpu: Gpu = None,
    brand: Brand = None,
    architecture: Architecture = None,
    runtime_mode: RuntimeMode = None,
    toolkit_version: ToolkitVersion = None,
    fabric_ready: FabricReady = None,
    cpu_only: CpuOnly = False,
    task: Task = None,
    domain: Domain = None,
    framework: Framework = None,
    grade: Grades = None,
    limit: Annotated[int, typer.Option(min=1, metavar="N", help="At most so many.")] = 10,
    explain: Annotated[bool, typer.Option("--explain", help="Also show why the other images do not run.")] = False,
    server: Server = None,
    as_json: AsJson = False,
) -> None:
    """Show which images run on a worker, best first.

    The worker is a node of the catalogue (--node), or what the options say of it.
    Where none runs, it says what stands in the way and what would change that.
    """
    from bayplan.cli import lookup, output, session
    from bayplan.cli.match import view as match_view

    worker = _worker(
        node is not None,
        cpu_only,
        driver_version=driver,
        compute_capability=compute_capability,
        gpu_name=gpu,
        gpu_brand=brand,
        architecture=architecture,
        runtime_mode=runtime_mode,
        toolkit_version=toolkit_version,
        fabric_ready=fabric_ready,
    )
    with session.connect(server) as client:
        known = lookup.node(client, node) if node is not None else None
        answer = client.match(
            node=known["pk"] if known else None,
            worker=worker,
            task=task,
            domain=domain,
            framework=framework,
            grades=grade,
            limit=limit,
            explain=explain,
        )
        if as_json:
            return output.show_json(answer)
        names = match_view.Names.of(client)
    return match_view.show_answer(answer, names, known, limit)


def why(
    image: ImageWords,
    node: Node = None,
    driver: Driver = None,
    compute_capability: ComputeCapability = None,
    gpu: Gpu = None,
    brand: Brand = None,
    architecture: Architecture = None,
    runtime_mode: RuntimeMode = None,
    toolkit_version: ToolkitVersion = None,
    fabric_ready: FabricReady = None,
    cpu_only: CpuOnly = False,
    server: Server = None,
    as_json: AsJson = False,
) -> None:
    """Say whether an image runs on a worker, and why.

    Every reason is given, with what would change it.
    """
    from bayplan.cli import lookup, output, session
    from bayplan.cli.match import view as match_view
    from bayplan.client import exact

    worker = _worker(
        node is not None,
        cpu_only,
        driver_version=driver,
        compute_capability=compute_capability,
        gpu_name=gpu,
        gpu_brand=brand,
        architecture=architecture,
        runtime_mode=runtime_mode,
        toolkit_version=toolkit_version,
        fabric_ready=fabric_ready,
    )
    with session.connect(server) as client:
        found = lookup.image(client, image)
        known = lookup.node(client, node) if node is not None else None
        answer = client.match(
            node=known["pk"] if known else None,
            worker=worker,
            expressions=[exact("pk", found["pk"])],
            grades=ALL_GRADES,
            explain=True,
        )
    judged = [*answer["matches"], *answer.get("rejected", [])]
    if as_json:
        return output.show_json(judged[0] if judged else answer)
    return match_view.show_verdict(found, judged[0] if judged else None, answer["worker"], known)


def _worker(by_node: bool, cpu_only: bool, **given: object) -> dict[str, object] | None:
    """The worker that the options describe; None where a node of the catalogue is meant."""
    said = {name: value for name, value in given.items() if value is not None}
    if by_node and (said or cpu_only):
        raise Mistyped("--node says all about the worker; leave out the other options about it.")
    if cpu_only and not said.keys() <= {"architecture"}:
        raise Mistyped("--cpu-only is a worker without GPU; of the others it takes --architecture alone.")
    if by_node:
        return None
    if not cpu_only and "driver_version" not in said:
        raise Mistyped(
            "Say for which worker: --node, or --driver and --compute-capability, or --cpu-only for one without GPU."
        )
    return said
