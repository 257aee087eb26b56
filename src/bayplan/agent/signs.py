"""The signs of an NVIDIA GPU on a system whose driver is not asked: only without any of them is a machine one without GPU."""

from collections.abc import Callable
from pathlib import Path

from bayplan.agent import integrated

_NVIDIA, _DISPLAY = "0x10de", "0x03"
_WSL_LIBRARIES = "usr/lib/wsl/lib"


def of_gpu(root: Path) -> str | None:
    """Gives the first sign of a GPU, for a sentence; None where there is none."""
    return next((sign for sign, is_there in _SIGNS if is_there(root)), None)


def _on_pci_bus(root: Path) -> bool:
    for device in (root / "sys/bus/pci/devices").glob("*"):
        try:
            vendor, kind = (device / "vendor").read_text().strip(), (device / "class").read_text()
        except (OSError, ValueError):
            continue
        if vendor == _NVIDIA and kind.startswith(_DISPLAY):
            return True
    return False


def _in_windows(root: Path) -> bool:
    """Whether Windows gives WSL 2 an NVIDIA GPU; `/dev/dxg` alone is there for GPUs of any make."""
    if not (root / "dev/dxg").exists():
        return False
    libraries = root / _WSL_LIBRARIES
    if not libraries.is_dir():  # a container: what Windows has is not seen here
        return True
    drivers = any((root / "usr/lib/wsl/drivers").glob("nv*"))
    return drivers or any(libraries.glob("libnvidia-ml*")) or any(libraries.glob("libcuda*"))


def _has(pattern: str) -> Callable[[Path], bool]:
    return lambda root: any(root.glob(pattern))


_SIGNS: tuple[tuple[str, Callable[[Path], bool]], ...] = (
    ("on the PCI bus", _on_pci_bus),
    ("by the driver in the kernel, /proc/driver/nvidia", _has("proc/driver/nvidia")),
    ("by the devices /dev/nvidia*", _has("dev/nvidia*")),
    ("by the devices of a Tegra", _has("dev/nv*gpu*")),
    ("given by Windows, /dev/dxg", _in_windows),
    ("of a Tegra, by the device tree", lambda root: integrated.tegra(root) is not None),
)
