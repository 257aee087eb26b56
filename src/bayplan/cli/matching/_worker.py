"""The worker that a question is about, as options describe it."""

from bayplan.cli.options import UsageError


def worker_of(by_node: bool, cpu_only: bool, **given: object) -> dict[str, object] | None:
    """The worker that the options describe; None where a node of the catalogue is meant."""
    said = {name: value for name, value in given.items() if value is not None}
    if by_node and (said or cpu_only):
        raise UsageError("--node says all about the worker; leave out the other options about it.")
    if cpu_only and not said.keys() <= {"architecture"}:
        raise UsageError("--cpu-only is a worker without GPU; of the others it takes --architecture alone.")
    if by_node:
        return None
    if not cpu_only and "driver_version" not in said:
        raise UsageError(
            "Say for which worker: --node, or --driver and --compute-capability, or --cpu-only for one without GPU."
        )
    return said
