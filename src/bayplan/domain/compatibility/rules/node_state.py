"""Rule 12: the node's own state, as the agent measures it."""

from bayplan.domain.compatibility.pairing import Pairing
from bayplan.domain.compatibility.rules.reasons import advice, caveat, change_node, no
from bayplan.domain.compatibility.verdict import Grade, Reason, ReasonCode

VIRTUAL_GPUS = "NVIDIA Virtual GPU Software documentation, CUDA and unified memory"
VGPU_TYPES = "NVIDIA Virtual GPU Software User Guide, OpenCL and CUDA Application Support: Q-series and C-series types"
LICENCE = (
    "CUDA Runtime API, error 102 (the device has no valid Grid license); NVIDIA Virtual GPU Client Licensing User Guide"
)
WSL = "NVIDIA CUDA on WSL User Guide, known limitations"
WSL_AMD = "AMD, Use ROCm on Radeon GPUs, WSL: install PyTorch for ROCm (Docker)"
FABRIC = "NVIDIA Fabric Manager for NVSwitch documentation"
CDI = (
    "NVIDIA Container Toolkit documentation, Support for Container Device Interface: regenerate after a driver upgrade"
)


def fabric(pairing: Pairing) -> Reason | None:
    """Rule 12: on NVSwitch machines CUDA waits for the fabric manager."""
    if pairing.node.reported.fabric_ready is not False:
        return None
    return no(
        ReasonCode.FABRIC_NOT_READY,
        needed="a fabric that is set up",
        found="not ready",
        detail="The machine's NVSwitch fabric is not set up; CUDA fails with error 802.",
        remedies=[change_node("start nvidia-fabricmanager, of exactly the driver's version", fabric_ready=True)],
        source=FABRIC,
    )


def cdi_specification(pairing: Pairing) -> Reason | None:
    """Rule 12: the machine's CDI specification names the files of the installed driver."""
    made_for, installed = pairing.node.machine.cdi_driver, pairing.node.driver
    if made_for is None or installed is None or made_for.may_be(installed):
        return None
    detail = (
        f"The machine's CDI specification was made for driver {made_for}, and {installed} is installed: the files that it "
        "names are gone, and a container that uses it fails to start"
    )
    again = "write the CDI specification again (nvidia-ctk cdi generate, or restart nvidia-cdi-refresh)"
    if pairing.node.machine.mode != "cdi":
        return caveat(
            ReasonCode.TOOLKIT_FAULT,
            needed=f"a CDI specification for {installed}",
            found=made_for,
            detail=f"{detail}. Docker 29.2 and later uses it for --gpus, Podman for --device nvidia.com/gpu.",
            remedy=f"{again[0].upper()}{again[1:]}.",
            source=CDI,
        )
    return no(
        ReasonCode.TOOLKIT_FAULT,
        needed=f"a CDI specification for {installed}",
        found=made_for,
        detail=f"{detail}.",
        remedies=[change_node(again, cdi_driver_version=str(installed))],
        source=CDI,
    )


def toolkit_fault(pairing: Pairing) -> Reason | None:
    """Rule 12: the release of the container toolkit has no known fault that shows on this node."""
    machine = pairing.node.machine
    shown = machine.toolkit_faults
    if not shown:
        return None
    version, fixed = machine.reported.toolkit_version, machine.toolkit_without_faults
    stopping = next((fault for fault, shows in shown if fault.stops and shows), None)
    if stopping is not None:
        return no(
            ReasonCode.TOOLKIT_FAULT,
            needed=None if fixed is None else f">={fixed}",
            found=version,
            detail=f"The container toolkit {version} has a fault: {stopping.fault}.",
            remedies=[
                None
                if fixed is None
                else change_node(f"upgrade the container toolkit to {fixed} or later", toolkit_version=fixed)
            ],
            source=stopping.source,
        )
    texts = dict.fromkeys(fault.fault for fault, _ in shown)
    has = "may have" if machine.toolkit_is_branch else "has"
    return caveat(
        ReasonCode.TOOLKIT_FAULT,
        needed=None if fixed is None else f">={fixed}",
        found=version,
        detail=f"The container toolkit {version} {has} known faults: {'; '.join(texts)}.",
        remedy=None if fixed is None else f"Upgrade it to {fixed} or later.",
        source="; ".join(dict.fromkeys(fault.source for fault, _ in shown)),
    )


def virtual_gpu(pairing: Pairing) -> Reason | None:
    """Rule 12: a virtual GPU has CUDA by its type and its licence, and lacks some functions."""
    node = pairing.node
    if not node.is_virtual:
        return None
    found = node.reported.gpu_name or node.reported.gpu_brand
    if node.vgpu_series in ("a", "b"):
        return no(
            ReasonCode.VIRTUAL_GPU,
            needed="a vGPU of the Q or C series",
            found=found,
            detail=f"{found} is a virtual GPU of the {node.vgpu_series.upper()} series, which does not support CUDA.",
            remedies=[advice("give the machine a vGPU of the Q or C series, or a whole GPU")],
            source=VGPU_TYPES,
        )
    if node.reported.vgpu_licensed is False:
        return no(
            ReasonCode.VIRTUAL_GPU,
            needed="a licence",
            found="none",
            detail="The virtual GPU has no licence. Some minutes after its start it slows down and gives programs few "
            "resources, and CUDA refuses it (errors 46 and 102).",
            remedies=[change_node("give the virtual GPU its licence", vgpu_licensed=True)],
            source=LICENCE,
        )
    return caveat(
        ReasonCode.VIRTUAL_GPU,
        found=found,
        detail="The GPU is a virtual one; unified memory and memory pools may be missing ('operation not supported').",
        remedy="If that happens, enable unified memory for the vGPU, or use a whole GPU.",
        source=VIRTUAL_GPUS,
    )


def wsl(pairing: Pairing) -> Reason | None:
    """Rule 12: WSL 2, where the driver is that of Windows; ROCm needs a runtime of its own there."""
    if not pairing.node.reported.wsl:
        return None
    if pairing.node.accelerator == "rocm":
        return Reason(
            Grade.UNKNOWN,
            ReasonCode.WSL,
            "a ROCm runtime for WSL",
            None,
            "The machine runs Windows Subsystem for Linux, where AMD's GPUs have no /dev/kfd: ROCm reaches them through "
            "/dev/dxg, with a runtime of its own that images do not have.",
            None,
            WSL_AMD,
            (advice("give the container /dev/dxg, and the machine's libdxcore and ROCm runtime, as AMD's guide says"),),
        )
    return caveat(
        ReasonCode.WSL,
        found=pairing.node.reported.driver_version,
        detail="The machine runs Windows Subsystem for Linux with the driver of Windows, which lacks functions (such as "
        "pinned memory without limit and peer access). Its container runtime has refused images that the driver "
        "would run.",
        remedy="If that happens, update WSL, the driver and the container toolkit.",
        source=WSL,
    )
