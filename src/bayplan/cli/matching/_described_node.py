"""The facts that the options of `match` and `why` name: of a described node, or in place of a node's own."""

from bayplan.cli.nodes._body import body
from bayplan.cli.options import UsageError

OF_A_GPU = frozenset({"driver_version", "gpu_name", "compute_capability", "target"})
"""The facts without all of which a node has no GPU."""


def described_node(
    in_catalogue: bool, cpu_only: bool, here: bool = False, **options: object
) -> dict[str, object] | None:
    """The facts that the options name: of a node that they describe, or in place of those of one that is `in_catalogue`.

    With `here` all facts of this machine. None where there are none; the word "none" makes a fact unknown. Raises `UsageError`
    for options that do not fit together.
    """
    facts = body(options)
    if here:
        if in_catalogue or cpu_only:
            raise UsageError("--here is this machine; leave out --node and --cpu-only.")
        from bayplan.cli.machine._this_machine import facts_here

        return facts_here(facts)
    if in_catalogue and cpu_only:
        raise UsageError("--node names a node; leave out --cpu-only, which is a node without GPU.")
    if cpu_only and not facts.keys() <= {"architecture"}:
        raise UsageError("--cpu-only is a node without GPU: leave out all options about it but --architecture.")
    if in_catalogue:
        return facts or None
    if not cpu_only and not facts.keys() & OF_A_GPU:
        raise UsageError(
            "Name the node: --here for this machine, --node for one of the catalogue, --cpu-only for one without GPU, or "
            "--gpu and --driver for any other, as in --gpu 4090 --driver 550.120."
        )
    return facts
