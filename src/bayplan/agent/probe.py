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
import socket
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

from bayplan.agent import integrated, nvml, signs, smi, values
from bayplan.agent.hardware import Gpus, Machine, machine_as_json, machine_of
from bayplan.errors import BayplanError, Invalid

_SMI_TIMEOUT_SECONDS = 60  # without the persistence daemon a driver may take long to wake every GPU
_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
_SYSTEM = Path("/")
_STDOUT, _STDERR = 1, 2
# Processes of probes that were killed and have not ended: one that waits in a driver that hangs cannot be killed, nor waited for.
_hanging: list["subprocess.Popen[str]"] = []
NO_GPU_INSTEAD = "To take the machine as one without GPU, join with --no-gpu."


class CannotProbe(BayplanError):
    """There is, or may be, a GPU, and neither NVML nor nvidia-smi can read it."""

    code = "cannot_probe"


def machine(*, without_gpu: bool = False, root: Path = _SYSTEM) -> Machine:
    """Gives this machine's hardware; raises `CannotProbe`.

    `without_gpu`: GPUs are left out. `root`: where the system's `sys`, `proc`, `dev` and `etc` are.
    """
    architecture = platform.machine()
    pages = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    memory_bytes = pages if pages > 0 else None
    return Machine(
        _ARCHITECTURES.get(architecture, architecture),
        memory_bytes,
        Gpus() if without_gpu else integrated.with_system_memory(gpus(root), memory_bytes),
    )


def machine_in_new_process(*, without_gpu: bool, limit_seconds: float = 3 * _SMI_TIMEOUT_SECONDS) -> Machine:
    """Gives the result of `machine` in a process of its own; raises `CannotProbe`.

    A process that has loaded a driver's library keeps it when the driver is replaced, and the agent runs for months. The 17 MB of
    the bindings are freed with that process too, and a library that crashes or hangs takes only that with it.
    """
    # -P: no module of the folder that it is run in
    command = [sys.executable, "-P", "-m", __name__, "--partial", *(["--no-gpu"] if without_gpu else [])]
    _hanging[:] = [process for process in _hanging if process.poll() is None]
    if _hanging:
        raise CannotProbe("The driver has not answered the last probe yet.")
    process = subprocess.Popen(  # noqa: S603  # ourselves
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8", errors="replace"
    )
    try:
        output, errors = process.communicate(timeout=limit_seconds)
    except BaseException as error:
        process.kill()
        for pipe in (process.stdout, process.stderr):
            if pipe is not None:
                pipe.close()
        _hanging.append(process)
        if isinstance(error, subprocess.TimeoutExpired):
            raise CannotProbe(f"The driver did not answer within {limit_seconds:g} seconds.") from None
        raise
    if process.returncode != 0:
        ended = f"The probe of the hardware ended with exit code {process.returncode}."
        raise CannotProbe(errors.strip().rpartition("\n")[2] or ended)
    try:
        return machine_of(json.loads(output))
    except (LookupError, TypeError, ValueError):
        raise CannotProbe("The probe of the hardware ended without a result.") from None


def gpus(root: Path = _SYSTEM) -> Gpus:
    """Gives the GPUs of this machine, and those that do not answer beside others that do; raises `CannotProbe`."""
    failures: list[str] = []
    partial = Gpus()
    for source in (nvml.gpus, _gpus_of_smi):
        try:
            reading = source()
        except (nvml.NvmlFailed, Invalid) as error:
            failures.append(error.detail)
            continue
        if reading is None:
            continue
        if not reading.indices >= partial.indices:
            failures.append("nvidia-smi has fewer GPUs than NVML.")
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
        hardware = smi.parse(smi.decoded(log.stdout))
    except Invalid:
        if log.returncode != 0:
            raise _failure(log) from None
        raise
    if not hardware.gpus:
        if log.returncode != 0 and not hardware.faults:
            raise _failure(log)
        return hardware
    try:
        lines = smi.decoded(_run(program, "--query-gpu=index,compute_cap", "--format=csv,noheader").stdout)
    except Invalid:
        return hardware
    # A driver before 510 does not have that field: the capability stays unknown.
    return smi.with_capabilities(hardware, smi.capabilities(lines))


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
    output = values.printable(smi.decoded(done.stdout) + smi.decoded(done.stderr))
    return Invalid(f"nvidia-smi failed: {output or f'exit code {done.returncode}'}.")


def address_towards(server: str) -> str:
    """Gives the source address of this machine's packets to the server; raises `Invalid` where there is no route."""
    parts = urlsplit(server)
    host, port = parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
    try:
        family, kind, protocol, _, target = socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM)[0]
        with socket.socket(family, kind, protocol) as datagrams:
            datagrams.connect(target)  # sends nothing, but chooses the route
            address: str = datagrams.getsockname()[0]
    except OSError as error:
        raise Invalid(f"There is no way to {server} ({error.strerror or error}); check the address.") from None
    return address.partition("%")[0]


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
