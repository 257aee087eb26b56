"""The names of AMD's GPUs by AMD's own library, where its Python bindings (amdsmi) are installed.

`python -m bayplan.agent.amdsmi_names` prints them as JSON, by the number of the node in the kernel's topology. It is a process of its
own: a library that crashes or hangs takes no report with it. ROCm/amdsmi, `docs/reference/amdsmi-py-api.md`.
"""

import json
import sys
from importlib import import_module
from importlib.util import find_spec

from bayplan.agent import child, values

_MODULE, _TIMEOUT_SECONDS = "amdsmi", 10.0


def names() -> dict[int, str]:
    """Gives the names by node; none where the bindings are not installed, or do not answer."""
    try:
        if find_spec(_MODULE) is None:
            return {}
        printed = child.output([sys.executable, "-P", "-m", __name__], _TIMEOUT_SECONDS)
        pairs = json.loads(printed)
        named = [(int(node), values.value(name)) for node, name in pairs.items()]
    except (OSError, ValueError, TypeError, AttributeError, RecursionError):
        return {}
    return {node: name for node, name in named if name is not None}


def _main() -> None:
    amdsmi = import_module(_MODULE)
    amdsmi.amdsmi_init()
    try:
        found = {
            amdsmi.amdsmi_get_gpu_kfd_info(handle)["node_id"]: amdsmi.amdsmi_get_gpu_asic_info(handle)["market_name"]
            for handle in amdsmi.amdsmi_get_processor_handles()
        }
    finally:
        amdsmi.amdsmi_shut_down()
    print(json.dumps(found))


if __name__ == "__main__":
    _main()
