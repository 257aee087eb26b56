"""Runs programs of bayplan as forks of one process that has loaded them, so that many of them take little time.

Each is a process of its own, with its own variables, folder, signals, input and output; only Python does not start anew.
`tests/forks.py` asks for each with a line of JSON and four files: input, output, errors, and where the process id is written and,
once the program has ended, its exit code.
"""

import atexit
import contextlib
import fcntl
import gc
import json
import os
import pkgutil
import runpy
import signal
import socket
import sys
import termios
import threading
import time
import traceback
from collections.abc import Callable
from importlib import import_module
from typing import Any, NoReturn

FILES = 4
_AT_ONCE = 1 << 20
_PROGRAMS = (".__main__", ".migrations.env")


def _load() -> None:
    """Loads every module of bayplan that is no program, and what the server loads early."""
    import bayplan
    from bayplan.server import early_imports
    from bayplan.web import rendering

    for module in pkgutil.walk_packages(bayplan.__path__, "bayplan."):
        if not module.name.endswith(_PROGRAMS):
            import_module(module.name)
    early_imports.import_all()
    rendering.load_all()
    gc.collect()
    gc.freeze()


def _program(arguments: list[str]) -> Callable[[], object]:
    """What a command line runs: `bayplan`, a module (`-m`) or a file."""
    first, *others = arguments
    if first == "-m":
        sys.argv = others
        sys.modules.pop(others[0], None)
        return lambda: runpy.run_module(others[0], run_name="__main__", alter_sys=True)
    sys.argv = arguments
    if first.endswith(".py"):
        return lambda: runpy.run_path(first, run_name="__main__")
    from bayplan.cli import main

    return main


def _become(request: dict[str, Any], files: list[int]) -> NoReturn:
    """Runs a program in this process, and ends it as Python ends."""
    if request["has_terminal"]:
        os.setsid()
        fcntl.ioctl(files[0], termios.TIOCSCTTY, 0)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.chdir(request["folder"])
    os.environ.clear()
    os.environ.update(request["variables"])
    time.tzset()
    for number, file in enumerate(files):
        os.dup2(file, number)
        os.close(file)
    sys.stdin = open(0, errors="strict", closefd=False)  # noqa: SIM115  # for as long as the process lives
    sys.stdout = open(1, "w", closefd=False)  # noqa: SIM115  # the same
    sys.stderr = open(2, "w", buffering=1, errors="backslashreplace", closefd=False)  # noqa: SIM115  # the same
    try:
        code = _exit_code(_program(request["arguments"]))
        threading._shutdown()  # type: ignore[attr-defined]  # what Python does at its end
        atexit._run_exitfuncs()
        sys.stdout.flush()
    except KeyboardInterrupt:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGINT)
        raise
    except OSError:
        code = 120  # as Python ends when it cannot write its output
    os._exit(code)


def _exit_code(program: Callable[[], object]) -> int:
    try:
        program()
    except SystemExit as end:
        if end.code is None or isinstance(end.code, int):
            return end.code or 0
        print(end.code, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        raise
    except BaseException:
        traceback.print_exc()
        return 1
    return 0


def _watch(request: bytes, files: list[int]) -> None:
    """Forks a program, and writes its process id and its exit code."""
    *streams, status = files
    child = os.fork()
    if child == 0:
        os.close(status)
        _become(json.loads(request), streams)
    for file in streams:
        os.close(file)
    os.write(status, f"{child}\n".encode())
    _, how = os.waitpid(child, 0)
    os.write(status, f"{os.waitstatus_to_exitcode(how)}\n".encode())


def _serve(channel: socket.socket) -> None:
    """Runs a program for each request, until the channel is closed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    while True:
        request, files, _, _ = socket.recv_fds(channel, _AT_ONCE, FILES)
        if not request:
            return
        while not request.endswith(b"\n"):
            request += channel.recv(_AT_ONCE)
        if os.fork() == 0:
            channel.close()
            _watch(request, files)
            os._exit(0)
        for file in files:
            os.close(file)
        with contextlib.suppress(ChildProcessError):  # those that watched and ended
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass


if __name__ == "__main__":
    _load()
    with socket.socket(fileno=int(sys.argv[1])) as own:
        _serve(own)
