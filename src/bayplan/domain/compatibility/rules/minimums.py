"""The half of rule 11 about sizes: memory of the GPU, shared memory, and the number of GPUs."""

from bayplan.domain.compatibility.pairing import Pairing
from bayplan.domain.compatibility.rules.reasons import caveat, change_node, no, other_gpu
from bayplan.domain.compatibility.verdict import Reason, ReasonCode

GIB = 1 << 30
BOARDS = (
    "NVIDIA and AMD, product pages: a driver shows less than the memory of the board, by what firmware and ECC take"
)


def gpu_memory(pairing: Pairing) -> Reason | None:
    """Rule 11: the GPU, or the slice of it, has the memory that the image states."""
    needed, memory = pairing.image.declared.min_gpu_memory_bytes, pairing.node.memory
    if needed is None or (memory is not None and memory.least >= needed):
        return None
    if memory is None:
        return caveat(
            ReasonCode.NOT_ENOUGH_MEMORY,
            needed=_gib(needed),
            detail=f"The image needs {_gib(needed)} of GPU memory; how much the node's GPU has is not known.",
            remedy="Report the node's gpu_mem.",
            source="the image's min_gpu_memory_bytes",
        )
    if memory.most >= needed:
        return caveat(
            ReasonCode.NOT_ENOUGH_MEMORY,
            needed=_gib(needed),
            found=_gib(memory.least),
            detail=f"The image needs {_gib(needed)} of GPU memory; {pairing.node.gpu} has between {_gib(memory.least)} and "
            f"{_gib(memory.most)}.",
            remedy="If that is too little, use a GPU or a slice with more memory.",
            source=BOARDS,
        )
    what = "the slice" if pairing.node.mig_profile else pairing.node.gpu
    return no(
        ReasonCode.NOT_ENOUGH_MEMORY,
        needed=_gib(needed),
        found=_gib(memory.most),
        detail=f"The image needs {_gib(needed)} of GPU memory; {what} has {_gib(memory.most)}.",
        remedies=[other_gpu(pairing, "use a GPU or a slice with more memory", gpu_mem_bytes=needed)],
        source="the image's min_gpu_memory_bytes",
    )


def shared_memory(pairing: Pairing) -> Reason | None:
    """Rule 11: a container gets the shared memory that the image states."""
    needed, has = pairing.image.declared.min_shared_memory_bytes, pairing.node.reported.shared_memory_bytes
    if needed is None or (has is not None and has >= needed):
        return None
    start = f"start the container with --shm-size={-(-needed // (1 << 20))}m or --ipc=host"
    if has is None:
        return caveat(
            ReasonCode.NOT_ENOUGH_MEMORY,
            needed=_gib(needed),
            detail=f"The image needs {_gib(needed)} of shared memory (/dev/shm); by default a container has 64 MiB.",
            remedy=f"{start[0].upper()}{start[1:]}.",
            source="the image's min_shared_memory_bytes",
        )
    return no(
        ReasonCode.NOT_ENOUGH_MEMORY,
        needed=_gib(needed),
        found=_gib(has),
        detail=f"The image needs {_gib(needed)} of shared memory (/dev/shm); the node gives {_gib(has)}.",
        remedies=[change_node(start, shared_memory_bytes=needed)],
        source="the image's min_shared_memory_bytes",
    )


def gpus(pairing: Pairing) -> Reason | None:
    """Rule 11: the node's machine has as many GPUs as the image states."""
    needed, has = pairing.image.declared.min_gpus, pairing.node.reported.machine_gpus
    if needed is None or needed <= 1 or (has is not None and has >= needed):
        return None
    if has is None:
        return caveat(
            ReasonCode.BELOW_OWN_MINIMUM,
            needed=needed,
            detail=f"The image needs {needed} GPUs of one machine; how many the node's machine has is not known.",
            remedy="Enter every GPU of the machine as a node.",
            source="the image's min_gpus",
        )
    return no(
        ReasonCode.BELOW_OWN_MINIMUM,
        needed=needed,
        found=has,
        detail=f"The image needs {needed} GPUs of one machine; the node's machine has {has}.",
        remedies=[change_node(f"use a machine with {needed} GPUs", machine_gpus=needed)],
        source="the image's min_gpus",
    )


def _gib(size_bytes: int) -> str:
    gib = size_bytes / GIB
    return (
        f"{gib:.0f} GiB" if gib == round(gib) else f"{gib:.1f} GiB" if gib >= 1 else f"{size_bytes / (1 << 20):.0f} MiB"
    )
