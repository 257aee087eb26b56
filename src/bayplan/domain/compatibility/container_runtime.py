"""How a node's NVIDIA container runtime starts containers: its mode, by what is known of its configuration and its version.

The mode belongs to the node and to how a container is started, so there may be several: `--gpus` alone calls the hook, which
is legacy, and the nvidia runtime has the mode of its configuration.
Source: NVIDIA/nvidia-container-toolkit internal/info/auto.go and its CHANGELOG.md (1.17.7: mode detection on Thor; 1.18.0:
jit-cdi is the default of the nvidia runtime, legacy that of its hook).
"""

import re
from enum import StrEnum

_RELEASE = re.compile(r"v?([0-9]{1,4})\.([0-9]{1,4})(?:\.([0-9]{1,4}))?", re.ASCII)
Release = tuple[int, int, int]
"""Of the container toolkit: (1, 17, 8)."""

JIT_CDI_BY_DEFAULT: Release = (1, 18, 0)
DETECTS_THOR: Release = (1, 17, 7)
AFTER_THE_LAST_READ: Release = (1, 21, 0)
"""What this release and later ones do was not read."""


class RuntimeMode(StrEnum):
    """A mode in which a container is given its GPU."""

    LEGACY = "legacy"
    CSV = "csv"
    CDI = "cdi"
    JIT_CDI = "jit-cdi"


CDI_MODES = frozenset({RuntimeMode.CDI, RuntimeMode.JIT_CDI})


def toolkit_release(text: str | None) -> Release | None:
    """The release in a toolkit's version, such as "1.17.8" or "1.18.0-rc.4"; None where there is none."""
    numbers = _RELEASE.match((text or "").strip())
    return None if numbers is None else (int(numbers[1]), int(numbers[2]), int(numbers[3] or 0))


def runtime_modes(
    reported: str | None, toolkit: Release | None, *, is_jetson: bool, is_thor: bool
) -> tuple[RuntimeMode, ...]:
    """The modes that a node's setting may mean; empty where the mode is not known.

    `auto` means one by the platform and the toolkit's version; a Jetson whose mode is not known has `auto`, as it comes.
    """
    setting = (reported or "").strip().lower()
    if setting in set(RuntimeMode):
        return (RuntimeMode(setting),)
    detected = is_jetson and not (is_thor and toolkit is not None and toolkit < DETECTS_THOR)
    if detected:
        return (RuntimeMode.CSV,)
    if setting != "auto":
        return ()
    if toolkit is None:
        return (RuntimeMode.JIT_CDI, RuntimeMode.LEGACY)
    return (RuntimeMode.JIT_CDI,) if toolkit >= JIT_CDI_BY_DEFAULT else (RuntimeMode.LEGACY,)
