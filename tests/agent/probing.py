"""Asks the probe about many machines in one process: `python -m tests.agent.probing`.

It reads one JSON list from its input. Each entry is a machine: its variables, and a folder with a module `pynvml` of its own or null.
It prints what the probe says of each, in the order of the list: its GPUs, or its error.
"""

import json
import os
import sys
from dataclasses import asdict
from pathlib import Path

from bayplan.agent.probe import gpus
from bayplan.agent.probe_process import CannotProbe


def _answer(variables: dict[str, str], module: str | None, root: str) -> dict[str, object]:
    os.environ.update(variables)
    if module:
        sys.path.insert(0, module)
        sys.modules.pop("pynvml", None)
    try:
        return {"gpus": asdict(gpus(Path(root))), "error": None}
    except CannotProbe as error:
        return {"gpus": None, "error": error.detail}
    finally:
        if module:
            sys.path.remove(module)
        for name in variables:
            del os.environ[name]


if __name__ == "__main__":
    answers = [_answer(**machine) for machine in json.load(sys.stdin)]
    sys.stdout.write(json.dumps(answers))
