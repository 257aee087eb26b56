"""The workers that an image is checked on: this machine, another that a text or options describe, or a node of the catalogue."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from bayplan.errors import Invalid

if TYPE_CHECKING:
    from bayplan.agent.here import Here

Facts = dict[str, Any]


@dataclass(frozen=True, slots=True)
class GpuKind:
    """GPUs of a machine that are alike, by their indices, or the machine without one; its name, where it has one."""

    facts: Facts
    indices: tuple[int, ...] = ()
    name: str | None = None


@dataclass(frozen=True, slots=True)
class Workers:
    """The kinds of GPU of one machine, in the order of their first indices, and how many GPUs it has, where that is known.

    Without a kind, its GPUs cannot be read, and `faults` say why.
    """

    kinds: tuple[GpuKind, ...]
    machine_gpus: int | None = None
    faults: tuple[str, ...] = ()


def described(facts: Facts) -> Workers:
    """The worker that options describe."""
    return Workers((GpuKind(changed({}, facts)),))


def of_machine(machine: Here) -> Workers:
    """This machine."""
    return Workers(
        _kinds([(worker.index, worker.facts) for worker in machine.workers]), machine.gpus or None, machine.faults
    )


def of_text(text: str) -> Workers:
    """The machine whose `nvidia-smi`, or `bayplan probe --json`, printed the text; raises `Invalid`."""
    if text.lstrip("\ufeff \t\r\n").startswith("{"):
        return _of_json(text)
    from bayplan.domain.nvidia_smi import read

    printed = read(text)
    gpus = [(gpu.index, gpu.facts) for gpu in printed.gpus]
    return Workers(_kinds(gpus), printed.machine_gpus, printed.notes)


def with_changes(workers: Workers, changes: Mapping[str, Any]) -> Workers:
    """The same workers with other facts, which options name."""
    if not changes:
        return workers
    kinds = tuple(GpuKind(changed(kind.facts, changes), kind.indices, kind.name) for kind in workers.kinds)
    return Workers(kinds, workers.machine_gpus, workers.faults)


def changed(facts: Mapping[str, Any], changes: Mapping[str, Any]) -> Facts:
    """The facts with others in their place; None takes one away."""
    return {name: value for name, value in {**facts, **changes}.items() if value is not None}


def _of_json(text: str) -> Workers:
    """What `bayplan probe --json` printed, or one `worker` of it."""
    import json

    from pydantic import ValidationError

    from bayplan.schemas.match import WorkerFacts
    from bayplan.schemas.problem import requirement

    try:
        content = json.loads(text.lstrip("\ufeff"))
    except (ValueError, RecursionError) as error:
        raise Invalid(f"Standard input begins like JSON, but is not JSON ({error}).") from None
    listed_faults = content.get("faults")
    faults = (
        tuple(fault for fault in listed_faults if isinstance(fault, str)) if isinstance(listed_faults, list) else ()
    )
    listed = content.get("workers") if "worker" in content else [{"index": 0, "worker": content}]
    entries: list[tuple[int, Facts]] = []
    try:
        for entry in listed or ():
            worker = WorkerFacts.model_validate(entry["worker"])
            entries.append((int(entry["index"]), worker.model_dump(exclude_none=True)))
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise Invalid(
            f"The facts on standard input are not as `bayplan probe --json` prints them ({where} {requirement(first['msg'])})."
        ) from None
    except (TypeError, KeyError, ValueError):
        raise Invalid("The JSON on standard input is not what `bayplan probe --json` prints.") from None
    return Workers(_kinds(entries), sum(_has_gpu(facts) for _, facts in entries) or None, faults)


def _has_gpu(facts: Mapping[str, Any]) -> bool:
    return any(facts.get(name) for name in ("driver_version", "gpu_name", "compute_capability", "target"))


@dataclass(slots=True)
class _Group:
    facts: Facts
    indices: list[int] = field(default_factory=list)


def _kinds(workers: list[tuple[int, Facts]]) -> tuple[GpuKind, ...]:
    """The workers by kind: those with equal facts are one."""
    groups: list[_Group] = []
    for index, facts in workers:
        group = next((group for group in groups if group.facts == facts), None)
        if group is None:
            group = _Group(facts)
            groups.append(group)
        group.indices.append(index)
    return tuple(GpuKind(group.facts, tuple(group.indices) if _has_gpu(group.facts) else ()) for group in groups)
