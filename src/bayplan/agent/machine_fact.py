"""A fact of a machine that the judge reads, as it was measured: its value and where it was read, or why it is null."""

from dataclasses import dataclass

Value = str | int | bool

OF_NVIDIA = ("driver_cuda_version", "toolkit_version", "runtime_mode", "cdi_driver_version", "l4t_version")
"""Those of the nodes with NVIDIA GPUs alone."""

NAMES = (*OF_NVIDIA, "wsl", "kernel_version", "shared_memory_bytes", "hostname")

CDI_FAULT = "the CDI specification"
"""How the sentence of a machine's fault begins that is none of its GPUs'."""


@dataclass(frozen=True, slots=True)
class MachineFact:
    """A value and its source; or no value, and the reason.

    `is_absent`: the machine has no such thing. Without it the fact may be there, and could not be read.
    """

    value: Value | None
    source: str | None = None
    reason: str | None = None
    is_absent: bool = False


def measured(value: Value, source: str) -> MachineFact:
    """Gives a fact with its value and where it was read."""
    return MachineFact(value, source)


def absent(reason: str) -> MachineFact:
    """Gives a fact that the machine has none of, and why."""
    return MachineFact(None, None, reason, is_absent=True)


def unreadable(reason: str) -> MachineFact:
    """Gives a fact that may be there, and why it cannot be read."""
    return MachineFact(None, None, reason)
