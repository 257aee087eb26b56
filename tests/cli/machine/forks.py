"""Runs commands of `bayplan` as forks of a process that has loaded them, so that many of them take little time.

Each is a process of its own, with its own variables, input and output, as a person's; only Python does not start anew. It reads a
command as a line of JSON (arguments, variables, and files for input, output and errors), and writes its exit code.
"""

import json
import os
import sys
from typing import Any


def _run(request: dict[str, Any]) -> int:
    """Runs a command in this process; gives its exit code."""
    from bayplan.cli import main

    os.environ.clear()
    os.environ.update(request["variables"])
    for number, (name, flags) in enumerate(zip(request["files"], (os.O_RDONLY, os.O_WRONLY, os.O_WRONLY), strict=True)):
        os.dup2(os.open(name, flags), number)
    sys.stdin = None  # the command opens it anew: this process may have read ahead
    sys.argv = ["bayplan", *request["arguments"]]
    try:
        main()
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    return 0


def _load() -> None:
    """Loads what the commands load when they run."""
    from bayplan import config
    from bayplan.agent import docker_logins, here, probe_process
    from bayplan.cli import connection, output
    from bayplan.cli.machine import _check, _check_view, _probe_view
    from bayplan.client import image_lookup
    from bayplan.registry import inspect, layout, settings
    from bayplan.schemas import match

    for module in (config, docker_logins, here, probe_process, connection, image_lookup, output, inspect, layout):
        assert module
    for module in (_check, _check_view, _probe_view, settings, match):
        assert module


if __name__ == "__main__":
    _load()
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            code = _run(json.loads(line))
            sys.stdout.flush()
            os._exit(code)
        _, status = os.waitpid(child, 0)
        sys.stdout.write(f"{os.waitstatus_to_exitcode(status)}\n")
        sys.stdout.flush()
