"""The report of a machine when it joins, and the changes from one report to the next, in words."""

from collections.abc import Mapping
from typing import Any

from bayplan.agent.hardware import Machine

Body = dict[str, Any]
"""The body of `POST /v1/nodes/join`."""

_WORDS = {
    "compute_capability": "compute capability",
    "gpu_name": "name",
    "gpu_brand": "brand",
    "gpu_mem": "memory",
    "fabric_ready": "fabric ready",
}


def body(machine: Machine, ip: str, reported: Mapping[str, Any] | None = None) -> Body:
    """Gives the whole machine as the server takes it. A GPU that does not answer is as it was `reported` before, if it was."""
    by_index = {gpu["index"]: gpu for gpu in (reported or {}).get("gpus", ())}
    gpus = [
        {
            "index": gpu.index,
            "compute_capability": gpu.compute_capability,
            "gpu_name": gpu.name,
            "gpu_brand": gpu.brand,
            "gpu_mem": gpu.memory_bytes,
            "fabric_ready": gpu.fabric_ready,
        }
        for gpu in machine.gpus.gpus
    ]
    gpus += [by_index[fault.index] for fault in machine.gpus.faults if fault.index in by_index]
    return {
        "ip": ip,
        "architecture": machine.architecture,
        "cpu_mem": machine.memory_bytes,
        "driver_version": machine.gpus.driver_version if gpus else None,
        "gpus": sorted(gpus, key=lambda gpu: gpu["index"]),
    }


def hides_gpus(machine: Machine, reported: Mapping[str, Any]) -> bool:
    """Whether a GPU that does not answer may be another one than was reported under its index, since some are gone as well."""
    indices = {gpu.index for gpu in machine.gpus.gpus} | {fault.index for fault in machine.gpus.faults}
    return bool(machine.gpus.faults) and not {gpu["index"] for gpu in reported.get("gpus", ())} <= indices


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
