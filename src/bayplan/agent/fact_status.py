"""The facts of this machine as `bayplan worker status` shows them: each with when it was measured, and a null with the reason."""

from collections.abc import Mapping
from typing import Any, TypedDict

from bayplan.agent.machine_fact import NAMES, MachineFact, Value

_NO_PROBE = "the machine cannot be probed"
_OF_NVIDIA = {
    "fabric_ready": "the driver names no fabric of NVSwitches",
    "target": "only GPUs of AMD have one",
    "mig_profile": "it is a whole GPU",
    "vgpu_licensed": "it is no virtual GPU, or does not say",
}
_OF_AMD = {
    "driver_version": "/sys/module/amdgpu/version is not there: the driver came with the kernel",
    "fabric_ready": "only GPUs of NVIDIA have one",
    "mig_profile": "only GPUs of NVIDIA have one",
    "vgpu_licensed": "only GPUs of NVIDIA have one",
}
GPU_FACTS = ("accelerator", "driver_version", "target", "gpu_mem", "mig_profile", "vgpu_licensed", "fabric_ready")


class FactStatus(TypedDict):
    """A fact of the machine, or of its node `gpu`: its value, when and from what it was read, and why it is null or older."""

    fact: str
    gpu: int | None
    value: Value | None
    measured: str | None
    source: str | None
    reason: str | None


def of(
    body: Mapping[str, Any], facts: Mapping[str, MachineFact] | None, measured: Mapping[str, str]
) -> list[FactStatus]:
    """Gives the facts in a report; `facts` is None where the machine could not be probed, and the report is the last one."""
    return [
        *(_of_machine(name, body, facts, measured) for name in NAMES),
        *(_of_gpu(name, gpu, body, facts, measured) for gpu in body["gpus"] for name in GPU_FACTS),
    ]


def _of_machine(
    name: str, body: Mapping[str, Any], facts: Mapping[str, MachineFact] | None, measured: Mapping[str, str]
) -> FactStatus:
    fact = (facts or {}).get(name) or MachineFact(None, reason=_NO_PROBE)
    return {
        "fact": name,
        "gpu": None,
        "value": body.get(name),
        "measured": measured.get(name),
        "source": fact.source,
        "reason": fact.reason,
    }


def _of_gpu(
    name: str,
    gpu: Mapping[str, Any],
    body: Mapping[str, Any],
    facts: Mapping[str, MachineFact] | None,
    measured: Mapping[str, str],
) -> FactStatus:
    is_amd = gpu.get("accelerator") == "rocm"
    value = body["driver_version"] if name == "driver_version" and not is_amd else gpu.get(name)
    reason = None
    if facts is None:
        reason = _NO_PROBE
    elif value is None:
        reason = (_OF_AMD if is_amd else _OF_NVIDIA).get(name, "the driver does not say")
    return {
        "fact": name,
        "gpu": gpu["index"],
        "value": value,
        "measured": measured.get(str(gpu["index"])),
        "source": None if value is None else "the amdgpu driver" if is_amd else "the driver",
        "reason": reason,
    }
