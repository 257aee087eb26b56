"""The node that the options of `match` and `why` describe, in place of a node of the catalogue."""

from bayplan.cli.options import UsageError

OF_A_GPU = frozenset({"driver_version", "gpu_name", "compute_capability", "target"})
"""The facts without all of which a worker has no GPU."""


def described_node(in_catalogue: bool, cpu_only: bool, **options: object) -> dict[str, object] | None:
    """The facts of the node that the options describe; None for a node that is `in_catalogue`.

    Raises `UsageError` for options that do not fit together.
    """
    facts = {name: value for name, value in options.items() if value is not None}
    if in_catalogue and (facts or cpu_only):
        raise UsageError("--node says all about the worker; leave out the other options about it.")
    if cpu_only and not facts.keys() <= {"architecture"}:
        raise UsageError("--cpu-only is a worker without GPU; of the others it takes --architecture alone.")
    if in_catalogue:
        return None
    if not cpu_only and not facts.keys() & OF_A_GPU:
        raise UsageError(
            "Say for which worker: --node, or --driver and --compute-capability, or --cpu-only for one without GPU. "
            "In place of the capability its name will do, as in --gpu 4090."
        )
    return facts
