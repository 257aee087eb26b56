"""The report of a machine when it joins, and the changes from one report to the next, in words."""

from collections.abc import Mapping
from typing import Any

from bayplan.agent import values
from bayplan.agent.hardware import GpuHardware, Machine

Body = dict[str, Any]
"""The body of `POST /v1/nodes/join`, or a part of it."""

_MOST_FAULT_LETTERS = 1_000  # of what the server takes
_WORDS = {
    "compute_capability": "compute capability",
    "gpu_name": "name",
    "gpu_brand": "brand",
    "gpu_mem": "memory",
    "fabric_ready": "fabric ready",
}


def body(machine: Machine, ip: str, reported: Mapping[str, Any] | None = None) -> Body:
    """Gives the whole machine as the server takes it.

    A GPU that does not answer is as it was `reported` before, if it was, and so is a property that it refuses. Where another GPU is
    gone as well, it may be any: then all of the hardware is as it was reported.
    """
    before = {gpu["index"]: gpu for gpu in (reported or {}).get("gpus", ())}
    faults = machine.gpus.faults
    fault = ", ".join(map(str, faults))
    answering = {gpu.index for gpu in machine.gpus.gpus}
    if reported and machine.gpus.indices > answering and not before.keys() <= machine.gpus.indices:
        return as_before(reported, ip, f"{fault}, and the machine has fewer GPUs than before: restart it")
    unanswered = {fault.index: before[fault.index] for fault in faults if fault.index in before}
    gpus = unanswered | {gpu.index: _gpu(gpu, unanswered.get(gpu.index)) for gpu in machine.gpus.gpus}
    machine_body = {
        "ip": ip,
        "architecture": machine.architecture,
        "cpu_mem": machine.memory_bytes,
        "driver_version": machine.gpus.driver_version if gpus else None,
        "gpus": [gpus[index] for index in sorted(gpus)],
    }
    return _with_fault(machine_body, fault)


def _gpu(gpu: GpuHardware, before: Body | None) -> Body:
    """Gives a GPU as the server takes it; what it refuses is as it was `before`, where that is a GPU of its name."""
    gpu_body = {
        "index": gpu.index,
        "compute_capability": gpu.compute_capability,
        "gpu_name": gpu.name,
        "gpu_brand": gpu.brand,
        "gpu_mem": gpu.memory_bytes,
        "fabric_ready": gpu.fabric_ready,
    }
    if before is None or before["gpu_name"] != gpu.name:
        return gpu_body
    return {name: before.get(name) if value is None else value for name, value in gpu_body.items()}


def as_before(reported: Mapping[str, Any], ip: str, fault: str) -> Body:
    """Gives the last report again, for a machine that cannot be probed, and why."""
    return _with_fault({**reported, "ip": ip}, fault)


def _with_fault(body: Body, fault: str) -> Body:
    """Gives the body with `fault`, which stands there only where there is one."""
    without = {name: value for name, value in body.items() if name != "fault"}
    return {**without, "fault": values.printable(fault, most=_MOST_FAULT_LETTERS)} if fault else without


def differences(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """Gives what has changed from one body to the next, each in a phrase: "driver 535.104.05 is now 570.86.10"."""
    changes = [
        f"{word} {_shown(old.get(name))} is now {_shown(new[name])}"
        for name, word in (
            ("ip", "address"),
            ("driver_version", "driver"),
            ("architecture", "architecture"),
            ("cpu_mem", "memory"),
        )
        if old.get(name) != new[name]
    ]
    if old.get("fault") != new.get("fault"):
        fault = new.get("fault")
        changes.append(
            "all hardware answers again" if fault is None else f"what does not answer stays as it was: {fault}"
        )
    before = {gpu["index"]: gpu for gpu in old.get("gpus", ())}
    after = {gpu["index"]: gpu for gpu in new["gpus"]}
    for index in sorted(before.keys() | after.keys()):
        if index not in after:
            changes.append(f"GPU {index} ({_shown(before[index]['gpu_name'])}) is gone")
        elif index not in before:
            changes.append(f"GPU {index} ({_shown(after[index]['gpu_name'])}) is new")
        else:
            changes += [
                f"{word} of GPU {index} {_shown(before[index].get(name))} is now {_shown(after[index][name])}"
                for name, word in _WORDS.items()
                if before[index].get(name) != after[index][name]
            ]
    return changes


def _shown(value: object) -> str:
    return (
        "not known" if value is None else {True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value)
    )
