"""Floors as the API answers them, of images as the judge sees them."""

from bayplan.domain.compatibility.floor import floors
from bayplan.domain.compatibility.image import CompatLibraries, Image, framework_kernels
from bayplan.schemas.floors import FloorAnswer
from bayplan.server.floors.queries import platform_answer
from tests.domain.compatibility.catalogues import TABLES, TODAY

DIGEST = f"sha256:{'5e' * 32}"
TORCH = Image(
    cuda="12.4.1",
    framework="PyTorch",
    framework_version="2.5.1",
    architectures=("amd64",),
    kernel_architectures=framework_kernels("7.5", "8.0", "8.6", "9.0"),
    min_gpu_memory_bytes=16 << 30,
    min_shared_memory_bytes=1 << 30,
)
NGC = Image(
    cuda="12.4.1",
    architectures=("amd64", "arm64"),
    kernel_architectures=framework_kernels("8.0", "9.0"),
    compat_package=CompatLibraries("12.4", "550.54.15"),
    compat_activation="entrypoint",
    min_gpus=2,
)
ROCM = Image(
    accelerator="rocm",
    rocm_version="6.3.2",
    architectures=("amd64",),
    kernel_architectures=framework_kernels("gfx90a", "gfx942"),
)
CPU = Image(cpu=True, architectures=("amd64", "arm64"))
IMAGES = {"torch": TORCH, "ngc": NGC, "rocm": ROCM, "cpu": CPU}


def floor_of(image: Image, name: str = "image", digest: str | None = DIGEST) -> FloorAnswer:
    """The floor of an image."""
    url = f"registry.example.org:5000/team/{name}:1.0"
    return {
        "pk": 1,
        "name": name,
        "version": "1.0",
        "url": url,
        "reference": url if digest is None else f"{url.removesuffix(':1.0')}@{digest}",
        "digest": digest,
        "platforms": [platform_answer(floor) for floor in floors(image, TABLES, TODAY)],
    }
