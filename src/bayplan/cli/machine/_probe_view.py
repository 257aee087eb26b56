"""Shows a probed machine: its GPUs, its facts, and what is wrong with it."""

from __future__ import annotations

from typing import Any

from rich.text import Text

from bayplan.agent.here import Here, Worker, has_gpu
from bayplan.cli.output import Column, Lines, fields, memory, show, table
from bayplan.cli.worker._view import facts_table


def as_json(machine: Here) -> dict[str, Any]:
    """The machine as JSON: `worker` is the first of `workers`, null where its GPUs cannot be read."""
    workers = [{"index": worker.index, "worker": worker.facts} for worker in machine.workers]
    return {
        "worker": machine.workers[0].facts if machine.workers else None,
        "workers": workers,
        "facts": machine.facts,
        "faults": list(machine.faults),
    }


def show_machine(machine: Here) -> None:
    """Prints a line for each GPU, a line for each fact, and a sentence for each fault."""
    with_gpu = [worker for worker in machine.workers if has_gpu(worker.facts)]
    first = machine.workers[0].facts if machine.workers else {}
    head = [
        ("gpus", len(with_gpu) if with_gpu else "none" if machine.workers else "not known"),
        ("driver", first.get("driver_version")),
        ("memory", memory(first["cpu_mem"]) if "cpu_mem" in first else None),
        ("architecture", first.get("architecture")),
    ]
    parts: list[Text | Lines] = [fields(head)]
    if with_gpu:
        parts += [Text(), _gpus(with_gpu)]
    if machine.facts:
        parts += [Text(), facts_table(machine.facts, is_new=True)]
    if machine.faults:
        parts += [Text(), *(Text(fault, style="yellow") for fault in machine.faults)]
    show(*parts)


def _gpus(workers: list[Worker]) -> Lines:
    columns = (
        Column("index", right=True),
        Column("gpu", gives_way=True),
        Column("cc or target"),
        Column("memory", right=True),
        Column("mig profile", spare=1),
    )
    rows = [
        (
            worker.index,
            worker.facts.get("gpu_name"),
            worker.facts.get("compute_capability") or worker.facts.get("target"),
            memory(worker.facts.get("gpu_mem")),
            worker.facts.get("mig_profile"),
        )
        for worker in workers
    ]
    return table(columns, rows)
