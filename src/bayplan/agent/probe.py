"""Probes the hardware of this machine: the GPUs through NVML, or `nvidia-smi` where that fails; the rest from the system.

A driver that is there and does not answer is an error, not a machine without GPUs: a driver that fails for a while must not take
nodes out of the catalogue.
"""

import json
import os
import platform
import shutil
import socket
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path
from urllib.parse import urlsplit

from bayplan.agent import smi
from bayplan.agent.hardware import Gpus, Machine, machine_of
from bayplan.errors import BayplanError, Invalid

_SMI_TIMEOUT_SECONDS = 60  # without the persistence daemon a driver may take long to wake every GPU
_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
_PCI = Path("/sys/bus/pci/devices")
_NVIDIA, _DISPLAY = "0x10de", "0x03"
NO_GPU_INSTEAD = "To take the machine as one without GPU, join with --no-gpu."


class CannotProbe(BayplanError):
    """There is, or may be, a GPU, and neither NVML nor nvidia-smi can read it."""

    code = "cannot_probe"


def machine(*, without_gpu: bool = False) -> Machine:
    """Gives this machine's hardware; raises `CannotProbe`. `without_gpu`: GPUs are left out."""
    architecture = platform.machine()
    pages = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return Machine(
        _ARCHITECTURES.get(architecture, architecture),
        pages if pages > 0 else None,
        Gpus() if without_gpu else gpus(),
    )


def machine_in_new_process(*, without_gpu: bool) -> Machine:
    """Gives the result of `machine` in a process of its own; raises `CannotProbe`.

    For the agent, which runs for months: a process that has loaded a driver's library keeps it when the driver is replaced.
    The 17 MB of the bindings are freed with that process too.
    """
    command = [sys.executable, "-m", __name__, *(["--no-gpu"] if without_gpu else [])]
    limit = 3 * _SMI_TIMEOUT_SECONDS
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=limit, check=False)  # noqa: S603  # ourselves
    except subprocess.TimeoutExpired:
        raise CannotProbe(f"The driver did not answer within {limit} seconds.") from None
    if done.returncode != 0:
        raise CannotProbe(
            done.stderr.strip().rpartition("\n")[2] or f"The look failed with exit code {done.returncode}."
        )
    return machine_of(json.loads(done.stdout))


def gpus() -> Gpus:
    """Gives the GPUs of this machine; raises `CannotProbe`."""
    failed = []
    try:
        from bayplan.agent import nvml
    except ModuleNotFoundError:
        failed.append("The package nvidia-ml-py is not installed (it comes with bayplan[worker]).")
    else:
        try:
            hardware = nvml.gpus()
        except nvml.NvmlFailed as error:
            failed.append(error.detail)
        else:
            if hardware is not None:
                return hardware
    program = shutil.which("nvidia-smi")
    if program is not None:
        try:
            return from_smi(program)
        except Invalid as error:
            raise CannotProbe(" ".join([*failed, error.detail, NO_GPU_INSTEAD])) from None
    if _has_nvidia_gpu(_PCI):
        raise CannotProbe(
            " ".join(["There is an NVIDIA GPU, and no driver that answers: install one.", *failed, NO_GPU_INSTEAD])
        )
    return Gpus()


def from_smi(program: str) -> Gpus:
    """Gives the GPUs that nvidia-smi shows; raises `Invalid` with its output where it fails."""
    hardware = smi.parse(_output_of(program, "-q", "-x"))
    if not hardware.gpus:
        return hardware
    try:
        lines = _output_of(program, "--query-gpu=index,compute_cap", "--format=csv,noheader")
    except Invalid:
        return hardware  # a driver before 510 does not have that field: the capability stays unknown
    return smi.with_capabilities(hardware, smi.capabilities(lines))


def _output_of(program: str, *arguments: str) -> str:
    try:
        done = subprocess.run(  # noqa: S603  # the driver's own program, with arguments of ours
            [program, *arguments],
            capture_output=True,
            encoding="utf-8",
            errors="replace",  # the output has names of processes, in any encoding
            timeout=_SMI_TIMEOUT_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise Invalid(f"{program} did not answer within {_SMI_TIMEOUT_SECONDS} seconds.") from None
    except OSError as error:
        raise Invalid(f"{program} cannot be run: {error.strerror}.") from None
    if done.returncode != 0:
        output = " ".join((done.stdout + done.stderr).split())[:300].rstrip(".")
        raise Invalid(f"nvidia-smi failed: {output or f'exit code {done.returncode}'}.")
    return done.stdout


def _has_nvidia_gpu(devices: Path) -> bool:
    for device in devices.glob("*"):
        try:
            vendor, kind = (device / "vendor").read_text().strip(), (device / "class").read_text()
        except OSError:
            continue
        if vendor == _NVIDIA and kind.startswith(_DISPLAY):
            return True
    return False


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


if __name__ == "__main__":
    try:
        print(json.dumps(asdict(machine(without_gpu="--no-gpu" in sys.argv[1:]))))
    except CannotProbe as error:
        sys.exit(error.detail)
