"""The facts of a machine that the judge reads beside its GPUs: each measured, or null with the reason."""

import os
from collections.abc import Mapping
from pathlib import Path

from bayplan.agent import cdi, engine_runtimes, system, toolkit
from bayplan.agent.hardware import Gpus
from bayplan.agent.machine_fact import NAMES, OF_NVIDIA, MachineFact, absent, measured, unreadable


def read(
    root: Path, gpus: Gpus, environment: Mapping[str, str] = os.environ
) -> tuple[dict[str, MachineFact], tuple[str, ...]]:
    """Gives the facts by name, and a sentence for each fault of the machine."""
    facts = {
        "wsl": system.wsl(root),
        "kernel_version": system.kernel_version(root),
        "shared_memory_bytes": engine_runtimes.shared_memory(root, environment),
        "hostname": system.hostname(root),
    }
    if not gpus.gpus:
        no_gpu = absent("the machine has no NVIDIA GPU")
        return dict.fromkeys(OF_NVIDIA, no_gpu) | facts, ()
    version = toolkit.version(root, engine_runtimes.nvidia_runtime(root, environment))
    specifications, failures = cdi.specifications(root, engine_runtimes.cdi_folders(root, environment))
    facts |= {
        "driver_cuda_version": _driver_cuda(gpus),
        "toolkit_version": version,
        "runtime_mode": toolkit.runtime_mode(root, environment, version),
        "cdi_driver_version": cdi.driver_version(specifications, failures),
        "l4t_version": system.l4t_version(root),
    }
    # What a specification names is of the machine, and a container has another file system.
    faults = () if system.is_container(root) else cdi.faults(specifications)
    return {name: facts[name] for name in NAMES}, faults


def _driver_cuda(gpus: Gpus) -> MachineFact:
    if gpus.cuda_version is None:
        return unreadable("neither NVML nor nvidia-smi names the driver's CUDA")
    return measured(gpus.cuda_version, "the driver")
