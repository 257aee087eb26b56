"""New nodes as people type them: "8x H100 SXM,580.95". Pure."""

import re
from typing import Any

from bayplan.domain.worker_text import typed_facts
from bayplan.errors import Invalid

EXAMPLE = "8x H100 SXM,580.95"
_ADDED = re.compile(r"(?:(\d+)\s*[x×*]\s+|(\d+)[x×*])?(.+)", re.IGNORECASE | re.DOTALL | re.ASCII)
_NUMBER_ALONE = re.compile(r"\d+\s*[x×*]", re.IGNORECASE | re.ASCII)
_MOST_DIGITS = 18
# GPUs that NVIDIA sells on one board with Arm cores alone: Grace and GB10 superchips, and Jetson modules.
# https://docs.nvidia.com/grace-perf-tuning-guide/ and https://docs.nvidia.com/jetson/
_WITH_ARM_CORES = re.compile(r"\b(?:GH200|GB[23]00|GB10|DGX Spark|Jetson|Tegra|Orin|Xavier|Thor)\b", re.IGNORECASE)


def added_nodes(text: str) -> tuple[dict[str, Any], int]:
    """Gives the facts of the nodes, by the names that the API's `worker` has, and how many there are; raises `Invalid`.

    The facts are those of `typed_worker`. Where no architecture is typed, it is the one that such machines have.
    """
    parsed = _ADDED.fullmatch(text.strip())
    described = parsed[3].strip() if parsed else ""
    number = (parsed[1] or parsed[2] or "1") if parsed else ""
    if not described.strip(",; ") or _NUMBER_ALONE.fullmatch(described) or len(number) > _MOST_DIGITS:
        raise Invalid(f"write how many, the GPU and its driver, like '{EXAMPLE}'.")
    worker, has_gpu = typed_facts(described)
    if has_gpu and not worker.keys() & {"gpu_name", "compute_capability", "target"}:
        raise Invalid(f"write the GPU as well, like '{EXAMPLE}'.")
    worker.setdefault("architecture", "arm64" if _WITH_ARM_CORES.search(worker.get("gpu_name", "")) else "amd64")
    return worker, int(number)
