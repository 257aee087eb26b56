"""This machine as the worker of a question to a server."""

from typing import Any

from bayplan.cli.machine import _workers
from bayplan.cli.machine._image_source import note
from bayplan.errors import Invalid

Facts = dict[str, Any]


def facts_here(changes: Facts) -> Facts:
    """The facts of this machine's worker, with `changes`; of several kinds of GPU that which `gpu_name` names, else the first.

    Raises `Invalid` where the GPUs cannot be read.
    """
    from bayplan.agent import here
    from bayplan.agent.probe_process import RunningProbe
    from bayplan.clock import now

    with RunningProbe(without_gpu=False) as probing:
        workers = _workers.of_machine(here.read(probing, now()))
    if not workers.kinds:
        raise Invalid(
            f"{' '.join(workers.faults)} Say what the machine has by options, as in --driver 550.54.15 --gpu 4090."
        )
    named = str(changes.get("gpu_name") or "").casefold()
    kinds = [kind for kind in workers.kinds if named in str(kind.facts.get("gpu_name", "")).casefold()]
    if named and kinds:
        return {**_workers.changed(kinds[0].facts, changes), "gpu_name": kinds[0].facts["gpu_name"]}
    if len(workers.kinds) > 1:
        first, others = (
            workers.kinds[0].facts.get("gpu_name"),
            [kind.facts.get("gpu_name") for kind in workers.kinds[1:]],
        )
        note(
            f"This is about {first}. The machine also has {', '.join(map(str, others))}: name one with --gpu to ask about it."
        )
    return _workers.changed(workers.kinds[0].facts, changes)
