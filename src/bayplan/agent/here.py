"""This machine as the judge takes it, without a server: the worker that each of its GPUs is, its facts, and what cannot be read."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from bayplan.agent import fact_status, report
from bayplan.agent.fact_status import FactStatus
from bayplan.agent.hardware import Machine
from bayplan.agent.machine_fact import OF_NVIDIA, unreadable
from bayplan.agent.probe_process import CannotProbe, RunningProbe

_NOT_JUDGED = ("ip", "hostname", "gpus", "fault")

Facts = dict[str, Any]
"""The facts of a worker, as the API's `worker` has them."""


@dataclass(frozen=True, slots=True)
class Worker:
    """A GPU of the machine, or a slice of one, by its index; or the machine, where it has none."""

    index: int
    facts: Facts


@dataclass(frozen=True, slots=True)
class Here:
    """The machine: its workers, none where its GPUs cannot be read; its facts; and a sentence for each thing that is wrong with it."""

    workers: tuple[Worker, ...]
    facts: list[FactStatus]
    faults: tuple[str, ...]

    @property
    def gpus(self) -> int:
        """The number of GPUs that are read."""
        return sum(has_gpu(worker.facts) for worker in self.workers)


def has_gpu(facts: Mapping[str, Any]) -> bool:
    """Whether a worker with these facts has a GPU."""
    return any(facts.get(name) for name in ("driver_version", "gpu_name", "compute_capability", "target"))


def read(probing: RunningProbe, now: str) -> Here:
    """Gives the machine that is being probed; `now` is the time of the API. Never raises what a driver does."""
    try:
        machine = probing.machine()
    except CannotProbe as error:
        return _without_gpus(error, now)
    faults = (*(f"{fault}." for fault in machine.gpus.faults), *(f"{fault}." for fault in machine.faults))
    return _here(machine, faults, now)


def _without_gpus(error: CannotProbe, now: str) -> Here:
    """The machine whose GPUs cannot be read: what is known of the rest."""
    try:
        machine = RunningProbe(without_gpu=True).machine()
    except CannotProbe:  # the driver hangs, and so would another probe
        return Here((), [], (error.detail,))
    unread = unreadable("the GPU cannot be read")
    rest = replace(machine, facts={**machine.facts, **dict.fromkeys(OF_NVIDIA, unread)})
    return replace(_here(rest, (error.detail,), now), workers=())


def _here(machine: Machine, faults: tuple[str, ...], now: str) -> Here:
    body = report.body(machine, "")
    facts = fact_status.of(body, machine.facts, report.times(machine, {}, now, {}))
    return Here(_workers(body), facts, tuple(fault.replace("..", ".") for fault in faults))


def _workers(body: Mapping[str, Any]) -> tuple[Worker, ...]:
    of_machine = {name: value for name, value in body.items() if name not in _NOT_JUDGED}
    if not body["gpus"]:
        return (Worker(0, _known(of_machine)),)
    return tuple(Worker(gpu["index"], _worker(of_machine, gpu)) for gpu in body["gpus"])


def _worker(of_machine: Facts, gpu: Facts) -> Facts:
    own = {name: value for name, value in gpu.items() if name != "index"}
    if gpu["accelerator"] != "cuda":
        of_machine = {name: value for name, value in of_machine.items() if name not in OF_NVIDIA}
    return _known(of_machine | own)


def _known(facts: Facts) -> Facts:
    return {name: value for name, value in facts.items() if value is not None}
