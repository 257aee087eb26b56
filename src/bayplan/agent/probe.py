"""Probes the hardware of this machine: the GPUs through NVML, or `nvidia-smi` where that fails; the rest from the system.

A driver that is there and does not answer is an error, not a machine without GPUs: a driver that fails for a while must not take
nodes out of the catalogue. What is believed when:

    NVML                       nvidia-smi            signs of a GPU     the machine has
    answers for every GPU                                               these GPUs
    says that there is none                          none               no GPU
    says that there is none                          any                (error)
    fails, or for some GPUs    answers for every GPU                    these GPUs
    fails for some GPUs        fails, not there, or has                 the others, and GPUs that do not answer
                               fewer GPUs
    fails for all              fails, not there, or has                 (error)
                               fewer GPUs
    not there                  fails                                    (error)
    not there                  not there             device tree        the GPU of that Tegra (JetPack 5 and before)
    not there                  not there             any other          (error)
    not there                  not there             none               no GPU

NVML is not there where its library is not; the bindings alone missing, or another package's, is NVML failing. `signs` has the signs.
"""

import argparse
import json
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from bayplan.agent import integrated, kfd, machine_facts, nvml, signs, smi, values
from bayplan.agent.hardware import GpuFault, Gpus, Machine, machine_as_json
from bayplan.agent.nvml_calls import NvmlFailed
from bayplan.agent.probe_process import CannotProbe
from bayplan.domain.nvidia_smi_forms import decoded
from bayplan.errors import Invalid

_SMI_TIMEOUT_SECONDS = 60  # without the persistence daemon a driver may take long to wake every GPU
_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
_SYSTEM = Path("/")
_STDOUT, _STDERR = 1, 2
_NO_SLICES = "its MIG mode is on, and it has no slice: make one with `nvidia-smi mig`, or switch the mode off"
NO_GPU_INSTEAD = "`bayplan worker join --no-gpu` takes it as a machine without GPU."


def machine(*, without_gpu: bool = False, root: Path = _SYSTEM) -> Machine:
    """Gives this machine's hardware; raises `CannotProbe`.

    `without_gpu`: GPUs are left out. `root`: where the system's `sys`, `proc`, `dev` and `etc` are.
    """
    architecture = platform.machine()
    pages = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    memory_bytes = pages if pages > 0 else None
    nvidia = Gpus() if without_gpu else _with_slices_alone(integrated.with_system_memory(gpus(root), memory_bytes))
    amd = () if without_gpu else kfd.gpus(root, kfd.FIRST_BESIDE_NVIDIA if nvidia.gpus or nvidia.faults else 0)
    facts, faults = machine_facts.read(root, nvidia)
    return Machine(
        _ARCHITECTURES.get(architecture, architecture),
        memory_bytes,
        replace(nvidia, gpus=(*nvidia.gpus, *amd)),
        facts,
        faults,
    )


def _with_slices_alone(gpus: Gpus) -> Gpus:
    """Gives the GPUs without those that run nothing: MIG is on, and there is no slice. Raises `CannotProbe` where all are."""
    empty = {gpu.index for gpu in gpus.gpus if gpu.slices == ()}
    if not empty:
        return gpus
    left = tuple(gpu for gpu in gpus.gpus if gpu.index not in empty)
    faults = [*gpus.faults, *(GpuFault(index, _NO_SLICES) for index in sorted(empty))]
    if not left:
        raise CannotProbe(" ".join([*(f"{fault}." for fault in faults), NO_GPU_INSTEAD]))
    return replace(gpus, gpus=left, faults=tuple(faults))


def gpus(root: Path = _SYSTEM) -> Gpus:
    """Gives the GPUs of this machine, and those that do not answer beside others that do; raises `CannotProbe`."""
    failures: list[str] = []
    partial = Gpus()
    for source in (nvml.gpus, _gpus_of_smi):
        try:
            reading = source()
        except (NvmlFailed, Invalid) as error:
            failures.append(error.detail)
            continue
        if reading is None:
            continue
        if not reading.indices >= partial.indices:
            failures.append("nvidia-smi lists fewer GPUs than NVML.")
            continue
        if not reading.faults:
            if failures and not reading.gpus:
                continue
            return _with_driver(_completed(reading, partial), root) if reading.gpus else _none(root)
        failures += [f"{fault}." for fault in reading.faults]
        if not partial.indices or len(reading.gpus) > len(partial.gpus):
            partial = reading
    if partial.gpus:
        return _with_driver(partial, root)
    if failures:
        raise CannotProbe(" ".join([*failures, NO_GPU_INSTEAD]))
    return integrated.gpus(root) or _none(root)


def _none(root: Path) -> Gpus:
    """Gives no GPUs; raises `CannotProbe` where there are signs of one."""
    sign = signs.of_gpu(root)
    if sign is not None:
        raise CannotProbe(f"There is an NVIDIA GPU ({sign}), and no driver that answers: install one. {NO_GPU_INSTEAD}")
    return Gpus()


def _completed(gpus: Gpus, partial: Gpus) -> Gpus:
    """Gives the same GPUs with the properties that another source has alone."""
    others = {(gpu.index, gpu.name): gpu for gpu in partial.gpus}
    return replace(gpus, gpus=tuple(gpu.or_else(others.get((gpu.index, gpu.name), gpu)) for gpu in gpus.gpus))


def _with_driver(gpus: Gpus, root: Path) -> Gpus:
    return replace(gpus, driver_version=gpus.driver_version or integrated.kernel_driver(root))


def _gpus_of_smi() -> Gpus | None:
    program = shutil.which("nvidia-smi")
    return None if program is None else from_smi(program)


def from_smi(program: str) -> Gpus:
    """Gives the GPUs that nvidia-smi shows; raises `Invalid` with its output where it fails.

    A whole document counts whatever the exit code says, which is that of an infoROM (14) as much as of anything else.
    """
    log = _run(program, "-q", "-x")
    try:
        hardware = smi.parse(decoded(log.stdout))
    except Invalid:
        if log.returncode != 0:
            raise _failure(log) from None
        raise
    if not hardware.gpus:
        if log.returncode != 0 and not hardware.faults:
            raise _failure(log)
        return hardware
    try:
        lines = decoded(_run(program, "--query-gpu=index,compute_cap", "--format=csv,noheader").stdout)
    except Invalid:
        lines = ""
    # A driver before 510 does not have that field: the capability stays unknown.
    hardware = smi.with_capabilities(hardware, smi.capabilities(lines))
    if not any(gpu.slices for gpu in hardware.gpus):
        return hardware
    try:
        return smi.with_slices(hardware, decoded(_run(program, "-L").stdout))
    except Invalid:
        return smi.with_slices(hardware, "")


def _run(program: str, *arguments: str) -> "subprocess.CompletedProcess[bytes]":
    try:
        return subprocess.run(  # noqa: S603  # the driver's own program, with arguments of ours
            [program, *arguments],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_SMI_TIMEOUT_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise Invalid(f"{program} did not answer within {_SMI_TIMEOUT_SECONDS} seconds.") from None
    except OSError as error:
        raise Invalid(f"{program} cannot be run: {error.strerror}.") from None


def _failure(done: "subprocess.CompletedProcess[bytes]") -> Invalid:
    output = values.printable(decoded(done.stdout) + decoded(done.stderr))
    return Invalid(f"nvidia-smi failed: {output or f'exit code {done.returncode}'}.")


def _main(arguments: Sequence[str]) -> None:
    """Prints the machine as one line of JSON; ends with a sentence and exit code 1 where it cannot be probed."""
    parser = argparse.ArgumentParser(prog="python -m bayplan.agent.probe")
    parser.add_argument("--no-gpu", action="store_true", help="leave the GPUs out")
    parser.add_argument("--partial", action="store_true", help="leave out GPUs that do not answer, and name them")
    parser.add_argument("--root", type=Path, default=_SYSTEM, help="where sys, proc, dev and etc are")
    options = parser.parse_args(arguments)
    result = os.dup(_STDOUT)
    os.dup2(_STDERR, _STDOUT)  # what modules and libraries print is no part of the result
    try:
        probed = machine(without_gpu=options.no_gpu, root=options.root)
    except CannotProbe as error:
        sys.exit(error.detail)
    if probed.gpus.faults and not options.partial:
        sys.exit(" ".join([*(f"{fault}." for fault in probed.gpus.faults), NO_GPU_INSTEAD]))
    with os.fdopen(result, "w", encoding="utf-8") as out:
        print(json.dumps(machine_as_json(probed)), file=out)


if __name__ == "__main__":
    _main(sys.argv[1:])
