"""For each rule that may keep an image from running: the remedies that it offers, and none that would not help."""

import datetime
from dataclasses import replace

import pytest

from bayplan.domain.compatibility.image import CompatLibraries, Image, framework_kernels
from bayplan.domain.compatibility.node import Node
from bayplan.domain.compatibility.rules import RULES
from tests.domain.compatibility.examples import A6000, RTX3090, TODAY, reason

BUILT = Image(cuda="12.1.1", kernel_architectures=framework_kernels("7.5", "8.0", "9.0"), compiles_at_runtime=False)
ROCM = Image(accelerator="rocm", rocm_version="6.4.1", kernel_architectures=framework_kernels("gfx90a", "gfx942"))
MI300X = Node("6.12.12", target="gfx942", accelerator="rocm", architecture="amd64")
K80 = Node("470.256.02", "3.7", gpu_name="Tesla K80", gpu_brand="Tesla", architecture="amd64")
ORIN = Node("540.4.0", "8.7", gpu_name="Orin", architecture="arm64", l4t_version="36.4.3")
THOR = Node("580.00", "11.0", gpu_name="NVIDIA Thor", architecture="arm64", l4t_version="38.2")
GIB = 1 << 30
NOTHING = "No change of this node is known to make it run: "

DRIVER_FIRST = (
    "Put the driver's own libraries first (set LD_LIBRARY_PATH to their folder, remove the image's compat folder, or run it with "
    "cuda-compat-mode=disabled)"
)
TRITON = "(for Triton, set TRITON_PTXAS_PATH)"
FOR_L4T = Image(
    cuda="12.6",
    architectures=("arm64",),
    requirements=(("NVIDIA_REQUIRE_JETPACK", "csv-mounts=all"),),
    kernel_architectures=framework_kernels("8.7"),
)


def needs(condition: str) -> tuple[tuple[str, str], ...]:
    """The variables of an image with a start condition."""
    return (("NVIDIA_REQUIRE_CUDA", condition),)


def compat(cuda: str, driver: str) -> Image:
    """An image whose forward-compatibility libraries come first always."""
    return replace(BUILT, cuda=cuda, compat_package=CompatLibraries(cuda, driver), compat_activation="always")


def makes_code(compiler: str, gpu: str) -> Image:
    """An image that makes machine code while it runs, and else has code for that GPU alone."""
    image = replace(BUILT, cuda="12.8.1", kernel_architectures=framework_kernels(gpu))
    return replace(image, compiles_at_runtime="cubin", compiler_cuda=compiler)


REMEDIES: list[tuple[str, str, Image, Node, str]] = [
    ("withdrawn", "withdrawn", replace(BUILT, deleted=True), A6000, "Reinstate the image."),
    ("withdrawn", "withdrawn", replace(BUILT, withdrawn_reason="bad"), A6000, "Use another image."),
    ("missing_in_registry", "missing_in_registry", replace(BUILT, missing_in_registry=True), A6000,
     "Push the image again, or correct its url."),
    ("platform", "wrong_platform", replace(BUILT, architectures=("arm64",)), A6000,
     "Use an image that is built for amd64."),
    ("needs_gpu", "needs_gpu", BUILT, Node(architecture="amd64"),
     "Use a node with a GPU, or an image that works on the CPU."),
    ("end_of_life", "end_of_life", replace(BUILT, end_of_life=TODAY - datetime.timedelta(1)), A6000,
     "Use a newer version of it."),
    ("shared_memory", "not_enough_memory", replace(BUILT, min_shared_memory_bytes=GIB), replace(A6000, shared_memory_bytes=1),
     "Start the container with --shm-size=1024m or --ipc=host."),
    ("wrong_accelerator", "wrong_accelerator", BUILT, MI300X, "Use an image for ROCm, or a node with a GPU for CUDA."),
    ("wrong_accelerator", "wrong_accelerator", ROCM, A6000, "Use an image for CUDA, or a node with a GPU for ROCm."),
    ("driver", "driver_too_old", BUILT, replace(A6000, driver_version="515.43.04"),
     "Upgrade the driver to 525.60.13 or later (530.30.02 or later for native), or use an image built with CUDA 11.8 (or as old as 11.0)."),
    ("driver", "driver_too_old", BUILT, replace(A6000, driver_version="525.60.13"),
     "Nothing is needed; to be native, upgrade the driver to 530.30.02 or later."),
    ("driver", "driver_too_old", BUILT, K80, "Use an image built with CUDA 11.8 (or as old as 7.0)."),
    ("driver", "fact_missing", replace(BUILT, cuda=None), A6000, "Enter the image's CUDA version."),
    ("generation", "generation_too_old", replace(BUILT, min_generation="Hopper"), A6000,
     "Use an image that runs on older GPUs, or use a node with a GPU of Hopper or newer."),
    ("kernels", "gpu_not_in_build", replace(BUILT, kernel_architectures=framework_kernels("9.0")), A6000,
     "Use an image whose framework was built for compute capability 8.6."),
    ("kernels", "gpu_newer_than_cuda", Image(cuda="10.2"), A6000, "Use an image built with CUDA 11.0 or later."),
    ("kernels", "gpu_newer_than_cuda", Image(cuda="11.0.3"), Node("470.57.02", "12.0", architecture="amd64"),
     "Upgrade the driver to 525.60.13 or later, and use an image built with CUDA 12.8 or later."),
    ("kernels", "gpu_dropped_by_cuda", Image(cuda="12.1.1"), replace(K80, driver_version="470.256.02"),
     "Use an image built with CUDA 11.8 or earlier."),
    ("jit", "ptx_needs_newer_driver", replace(BUILT, kernel_architectures=framework_kernels("7.5+PTX")),
     replace(A6000, driver_version="525.60.13"),
     ("Use an image built with CUDA 11.8 (or as old as 11.0), "
     "or upgrade the driver to 530.30.02 or later; its kernels are then compiled at the first start (grade jit).")),
    ("jit", "ptx_needs_newer_driver", replace(BUILT, cuda="12.8.1", kernel_architectures=framework_kernels("7.5+PTX")),
     Node("525.60.13", "12.0", architecture="amd64"),
     ("Use an image whose framework was built for compute capability 12.0, "
     "or upgrade the driver to 570.124.06 or later; its kernels are then compiled at the first start (grade jit).")),
    ("own_capability", "below_own_minimum", replace(BUILT, min_compute_capability="9.0"), A6000,
     "Use an image with older libraries, or use a newer GPU."),
    ("own_driver", "below_own_minimum", replace(BUILT, min_driver="550"), A6000, "Upgrade the driver to 550 or later."),
    ("own_driver", "below_own_minimum", replace(BUILT, cuda="11.4.4", min_driver="550",
     kernel_architectures=framework_kernels("3.7")), K80, f"{NOTHING}use a newer GPU."),
    ("gpu_memory", "not_enough_memory", replace(BUILT, min_gpu_memory_bytes=80 * GIB), A6000,
     "Use a GPU or a slice with more memory."),
    ("gpus", "below_own_minimum", replace(BUILT, min_gpus=4), replace(A6000, machine_gpus=2), "Use a machine with 4 GPUs."),
    ("fabric", "fabric_not_ready", BUILT, replace(A6000, fabric_ready=False),
     "Start nvidia-fabricmanager, of exactly the driver's version."),
    ("cdi_specification", "toolkit_fault", BUILT,
     replace(A6000, runtime_mode="cdi", cdi_driver_version="535.54.03"),
     "Write the CDI specification again (nvidia-ctk cdi generate, or restart nvidia-cdi-refresh)."),
    ("virtual_gpu", "virtual_gpu", BUILT, replace(A6000, gpu_name="NVIDIA A40-8B", gpu_brand="NvidiaVPC"),
     f"{NOTHING}give the machine a vGPU of the Q or C series, or a whole GPU."),
    ("virtual_gpu", "virtual_gpu", BUILT,
     replace(A6000, gpu_name="NVIDIA A40-8Q", gpu_brand="NvidiaVWS", vgpu_licensed=False), "Give the virtual GPU its licence."),
    ("toolkit_fault", "toolkit_fault", FOR_L4T, replace(ORIN, toolkit_version="1.17.0"),
     "Upgrade the container toolkit to 1.17.8 or later."),
    ("start_condition", "start_condition", replace(BUILT, requirements=needs("cuda>=12.8")), A6000,
     "Start the container with NVIDIA_DISABLE_REQUIRE=1, or upgrade the driver to 570.26 or later."),
    ("start_condition", "start_condition", replace(BUILT, requirements=needs("cuda>=12.8")), replace(A6000, toolkit_version="1.18.0"),
     ("Give the container its GPU by CDI (--device nvidia.com/gpu=all, or the nvidia runtime in mode jit-cdi), "
     "or start the container with NVIDIA_DISABLE_REQUIRE=1, or upgrade the driver to 570.26 or later.")),
    ("start_condition", "start_condition", replace(BUILT, requirements=needs("cuda>>12")), A6000,
     "Start the container with NVIDIA_DISABLE_REQUIRE=1, or correct the condition in the image."),
    ("start_condition", "start_condition", replace(BUILT, requirements=(("CUDA_VERSION", "cu12.1"),)), A6000,
     "Start the container with NVIDIA_DISABLE_REQUIRE=1, or correct CUDA_VERSION in the image."),
    ("start_condition", "fact_missing", replace(BUILT, requirements=needs("brand=tesla")),
     replace(A6000, gpu_name=None, gpu_brand=None), "Report the node's gpu_brand, gpu_name and compute_capability."),
    ("compat_libraries", "compat_on_wrong_gpu", compat("12.4", "550.54.15"), replace(RTX3090, driver_version="535.104.05"),
     f"{DRIVER_FIRST}, or upgrade the driver to 550.54.15 or later."),
    ("compat_libraries", "compat_older_than_driver", compat("12.1", "530.30.02"), A6000, f"{DRIVER_FIRST}."),
    ("compat_libraries", "fact_missing", compat("12.4", "550.54.15"), Node("535.104.05", "8.6", architecture="amd64"),
     f"Report the node's gpu_name and gpu_brand, or p{DRIVER_FIRST[1:]}, or upgrade the driver to 550.54.15 or later."),
    ("compiles_at_runtime", "ptx_needs_newer_driver", replace(BUILT, compiles_at_runtime="ptx", cuda="12.4.1"), A6000,
     "Upgrade the driver to 550.54.15 or later, or use an image built with CUDA 12.2 (or as old as 11.0)."),
    ("compiles_at_runtime", "gpu_newer_than_cuda", makes_code("12.4", "12.0"), Node("570.124.06", "12.0", architecture="amd64"),
     f"Let the image use a compiler of CUDA 12.8 or later {TRITON}, or use an image built with CUDA 12.9 (or as old as 12.8)."),
    ("compiles_at_runtime", "gpu_dropped_by_cuda", makes_code("13.0", "7.0"), Node("580.65.06", "7.0", architecture="amd64"),
     f"Let the image use a compiler of CUDA 12.9 or earlier {TRITON}, or use an image built with CUDA 12.9 (or as old as 9.0)."),
    ("compiles_at_runtime", "fact_missing", makes_code("13.0", "15.0"), Node("580.65.06", "15.0", architecture="amd64"),
     "Try the image, or use one with a newer compiler."),
    ("tegra_kernels", "tegra", replace(BUILT, cuda="13.0", architectures=("arm64",), kernel_architectures=framework_kernels("8.0")),
     replace(ORIN, l4t_version="39.2"), "Use an image built for compute capability 8.7."),
    ("driver", "driver_too_old", replace(BUILT, compiles_at_runtime="ptx", kernel_architectures=framework_kernels("3.7")), K80,
     "Use an image built with CUDA 11.4 (or as old as 7.0)."),
    ("kernels", "gpu_newer_than_cuda", Image(cuda="12.4.1", compiles_at_runtime="ptx"),
     Node("550.54.15", "12.0", architecture="amd64"),
     "Upgrade the driver to 570.211.01 or later, and use an image built with CUDA 12.8 or later."),
    ("tegra", "tegra", replace(BUILT, requirements=(("NVIDIA_REQUIRE_JETPACK", "csv-mounts=all"),)), A6000,
     "Use an image for desktop and server GPUs."),
    ("tegra", "tegra", replace(BUILT, kernel_architectures=framework_kernels("8.0", "8.7")), ORIN,
     "Use an image for L4T, or install Jetson Linux 39 or later."),
    ("amd_target", "gpu_not_in_build", replace(ROCM, kernel_architectures=framework_kernels("gfx90a")), MI300X,
     "Use an image that was built for gfx942."),
    ("amd_driver", "driver_not_tested", ROCM, replace(MI300X, driver_version=None, kernel_version="6.14"),
     (
         "Install AMD's amdgpu driver (amdgpu-dkms), and report its version from /sys/module/amdgpu/version, or use an "
         "image with an older ROCm release, about as old as the node's kernel."
     )),
]  # fmt: skip


@pytest.mark.parametrize(("rule", "code", "image", "node", "remedy"), REMEDIES)
def test_the_remedies_of_each_rule(rule: str, code: str, image: Image, node: Node, remedy: str) -> None:
    assert rule in {checked.check.__name__ for checked in RULES.all}
    assert reason(image, node, code).remedy == remedy


def test_each_rule_that_may_block_has_its_remedies_here() -> None:
    caveats_alone = {
        "cpu_build", "wsl", "native_unknown", "compat_activation", "compat_by_brand", "compat_branch", "narrow_kernels",
        "arch_list", "deprecated",
    }  # fmt: skip
    rules = {rule.check.__name__ for rule in RULES.all}
    assert {rule for rule, *_ in REMEDIES} == rules - caveats_alone
