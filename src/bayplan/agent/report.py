"""The report of a machine when it joins, and the changes from one report to the next, in words."""

from collections.abc import Mapping
from typing import Any

from bayplan.agent import devices, values
from bayplan.agent.devices import Devices, NodeDevice
from bayplan.agent.hardware import Machine
from bayplan.agent.machine_fact import CDI_FAULT

Body = dict[str, Any]
"""The body of `POST /v1/nodes/join`, or a part of it."""

_MOST_FAULT_LETTERS = 1_000  # of what the server takes
_ENTERED_TOO = frozenset(("toolkit_version", "runtime_mode", "cdi_driver_version", "shared_memory_bytes"))
"""Facts that staff enter for machines whose agent does not see them: null is reported only in place of a reported value."""

_MACHINE_WORDS = {
    "ip": "address",
    "driver_version": "driver",
    "architecture": "architecture",
    "cpu_mem": "memory",
    "driver_cuda_version": "CUDA of the driver",
    "toolkit_version": "container toolkit",
    "runtime_mode": "mode of the container runtime",
    "cdi_driver_version": "driver of the CDI specification",
    "l4t_version": "Jetson Linux",
    "wsl": "WSL",
    "kernel_version": "kernel",
    "shared_memory_bytes": "shared memory of a container",
    "hostname": "host name",
}
_WORDS = {
    "compute_capability": "compute capability",
    "gpu_name": "name",
    "gpu_brand": "brand",
    "gpu_mem": "memory",
    "fabric_ready": "fabric ready",
    "accelerator": "accelerator",
    "target": "target",
    "driver_version": "driver",
    "mig_profile": "MIG profile",
    "vgpu_licensed": "licence",
}


def body(machine: Machine, ip: str, reported: Mapping[str, Any] | None = None, before: Devices | None = None) -> Body:
    """Gives the whole machine as the server takes it; `before`: the devices of the last report.

    A GPU that does not answer is as it was `reported` before, if it was, and so is a property that it refuses. Where another GPU is
    gone as well, it may be any: then all of the hardware is as it was reported.
    """
    before = before or {}
    rows = {gpu["index"]: gpu for gpu in (reported or {}).get("gpus", ())}
    gpu_of_row = {index: devices.device_of(before, index).gpu for index in rows}
    faults = machine.gpus.faults
    fault = ", ".join([*map(str, faults), *machine.faults])
    answering = {gpu.index for gpu in machine.gpus.gpus}
    if reported and machine.gpus.indices > answering and not set(gpu_of_row.values()) <= machine.gpus.indices:
        return as_before(reported, ip, f"{fault}, and the machine has fewer GPUs than before: restart it")
    failing = {fault.index for fault in faults}
    unanswered = {index: row for index, row in rows.items() if gpu_of_row[index] in failing - answering}
    gpus = unanswered | {
        node.index: _gpu(node, rows.get(node.index) if node.gpu.index in failing else None)
        for node in devices.node_devices(machine.gpus.gpus, before)
    }
    machine_body = {
        "ip": ip,
        "architecture": machine.architecture,
        "cpu_mem": machine.memory_bytes,
        "driver_version": machine.gpus.driver_version if gpus else None,
        **_facts(machine, reported or {}),
        "gpus": [gpus[index] for index in sorted(gpus)],
    }
    return _with_fault(machine_body, fault)


def devices_of(machine: Machine, body: Body, before: Devices) -> dict[str, dict[str, object]]:
    """Gives the devices of the nodes in a body."""
    nodes = devices.node_devices(machine.gpus.gpus, before)
    return devices.as_json(nodes, before, {gpu["index"] for gpu in body["gpus"]})


def times(machine: Machine, before: Devices, now: str, measured: Mapping[str, str]) -> dict[str, str]:
    """Gives when each fact of a machine was read: those of a GPU by its node's index, those of the machine by name.

    What could not be read has the time of when it was, as `measured` has it.
    """
    failing = {fault.index for fault in machine.gpus.faults}
    nodes = devices.node_devices(machine.gpus.gpus, before)
    read = {name for name, fact in machine.facts.items() if fact.value is not None or fact.is_absent}
    read |= {str(node.index) for node in nodes if node.gpu.index not in failing}
    return dict(measured) | dict.fromkeys(sorted(read), now)


def _facts(machine: Machine, reported: Mapping[str, Any]) -> Body:
    """Gives the facts that were read; one that could not be read is as it was reported."""
    facts: Body = {}
    for name, fact in machine.facts.items():
        if fact.value is not None or (fact.is_absent and (name in reported or name not in _ENTERED_TOO)):
            facts[name] = fact.value
        elif name in reported:
            facts[name] = reported[name]
    return facts


def _gpu(node: NodeDevice, before: Body | None) -> Body:
    """Gives a GPU or a slice as the server takes it; what a GPU refuses is as it was `before`, where that is a GPU of its name."""
    gpu, part = node.gpu, node.part
    gpu_body = {
        "index": node.index,
        "compute_capability": gpu.compute_capability,
        "gpu_name": gpu.name,
        "gpu_brand": gpu.brand,
        "gpu_mem": gpu.memory_bytes if part is None else part.memory_bytes,
        "fabric_ready": gpu.fabric_ready,
        "accelerator": gpu.accelerator,
        "target": gpu.target,
        "mig_profile": None if part is None else part.profile,
        "vgpu_licensed": gpu.vgpu_licensed,
    }
    if gpu.accelerator != "cuda":
        gpu_body["driver_version"] = gpu.driver_version
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
        f"{word} {_shown(old.get(name))} is now {_shown(new.get(name))}"
        for name, word in _MACHINE_WORDS.items()
        if old.get(name) != new.get(name)
    ]
    if old.get("fault") != new.get("fault"):
        fault = new.get("fault")
        changes.append(
            "all hardware answers again"
            if fault is None
            else f"fault: {fault}"
            if fault.startswith(CDI_FAULT)
            else f"what does not answer stays as it was reported: {fault}"
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
                f"{word} of GPU {index} {_shown(before[index].get(name))} is now {_shown(after[index].get(name))}"
                for name, word in _WORDS.items()
                if before[index].get(name) != after[index].get(name)
            ]
    return changes


def _shown(value: object) -> str:
    return (
        "not known" if value is None else {True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value)
    )
