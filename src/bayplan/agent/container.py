"""Runs a pulled image in the foreground: passes its output, signals and exit code on, and removes the container at its end."""

import queue
import secrets
import shlex
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from typing import TYPE_CHECKING, Any, BinaryIO

from bayplan.agent import engine_errors, orphans
from bayplan.agent.container_watch import ContainerWatch
from bayplan.agent.devices import Device
from bayplan.agent.engine import Engine
from bayplan.agent.engine_errors import EngineFailed
from bayplan.domain.reference import Reference

if TYPE_CHECKING:
    from docker import APIClient

PASSED_ON = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
SIGNALS_UNTIL_IT_IS_KILLED = 3
"""The first program of a container ignores signals without a handler, so the third signal kills it."""

ENDED = frozenset(("exited", "stopped", "dead"))
FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 0.02, 1.0

HAS_ENDED = (404, 409)
"""The statuses with which engines answer a signal for a container that has ended meanwhile."""
LOST = "The engine stopped answering while the container ran. Check the engine's log."

Event = tuple[str, int]


def run(
    engine: Engine,
    reference: Reference,
    command: Sequence[str],
    device: Device | None,
    shared_memory_bytes: int | None = None,
) -> int:
    """Runs the image, with that GPU or slice if any, until it ends; gives its exit code.

    `shared_memory_bytes` is the least that the image needs in /dev/shm: where the engine gives a container more, it has that.
    Raises `EngineFailed` where it cannot be started, and for a GPU of NVIDIA on Podman, which would silently start it without.
    """
    if device is not None and device.render is None and engine.is_podman:
        typed = shlex.join(["podman", "run", "--rm", "--device", f"nvidia.com/gpu={device}", str(reference), *command])
        raise EngineFailed(
            f"--run cannot give a GPU to a container of Podman. The image is here; run it with: {typed}",
            code="engine_without_gpu",
        )
    events: queue.SimpleQueue[Event] = queue.SimpleQueue()
    # From before there is a container: a signal that comes while it is created reaches it when it has started.
    with (
        _handling_signals(lambda number: events.put(("signal", number))),
        _container(engine, reference, command, device, shared_memory_bytes) as key,
    ):
        with _translating_errors(engine, reference):
            output = engine.api.attach(key, stdout=True, stderr=True, stream=True, demux=True)
            engine.api.start(key)
        threading.Thread(target=_follow, args=(engine.api, key, output, events), daemon=True).start()
        return _until_it_ends(engine.api, key, events)


@contextmanager
def _container(
    engine: Engine,
    reference: Reference,
    command: Sequence[str],
    device: Device | None,
    shared_memory_bytes: int | None,
) -> Iterator[str]:
    """A container that is not started yet, and is removed when the block ends, whatever it does then, or this process is killed."""
    from bayplan.agent.engine_client import SDK_ERRORS

    name = f"bayplan-{secrets.token_hex(8)}"
    try:
        watch = ContainerWatch(engine.api.address, name)
    except OSError as error:
        raise EngineFailed(
            f"The process that removes the container when this one is killed cannot be started ({error.strerror}).",
            code="cannot_watch",
        ) from None

    def create(options: Mapping[str, Any]) -> str:
        host_config = engine.api.create_host_config(**device_options(device), **options)
        created = engine.api.create_container(
            str(reference), list(command) or None, host_config=host_config, name=name, labels=orphans.labels()
        )
        return str(created["Id"])

    with _translating_errors(engine, reference):
        key = create({})
        if shared_memory_bytes is not None and _shared_memory(engine.api, key) < shared_memory_bytes:
            engine.api.remove_container(key, force=True, v=True)
            key = create({"shm_size": shared_memory_bytes})
    try:
        yield key
    finally:
        # An engine that has gone removes nothing; the watch tries again for a while.
        with suppress(*SDK_ERRORS):
            engine.api.remove_container(key, force=True, v=True)
            watch.end()


def _shared_memory(api: "APIClient", key: str) -> int:
    """The bytes of /dev/shm that the engine gives a container that asks for none: only a container that is created has its default."""
    return int(api.inspect_container(key)["HostConfig"].get("ShmSize") or 0)


def device_options(device: Device | None) -> dict[str, Any]:
    """Gives the options of a container for its GPU: NVIDIA's by index or UUID, AMD's by the device files that ROCm opens."""
    from docker.types import DeviceRequest

    if device is None:
        return {}
    if device.render is not None:
        return {"devices": [f"{path}:{path}:rwm" for path in ("/dev/kfd", f"/dev/dri/{device.render}")]}
    return {"device_requests": [DeviceRequest(device_ids=[str(device)], capabilities=[["gpu"]])]}


def _follow(
    api: "APIClient", key: str, output: Iterable[tuple[bytes | None, bytes | None]], events: "queue.SimpleQueue[Event]"
) -> None:
    """Writes the container's output until it ends, then puts its exit code into `events`. Runs beside the wait for signals."""
    try:
        nobody_reads = False
        for out, err in output:
            if nobody_reads:  # the output is still read: the engine ends no container whose output is not read
                continue
            try:
                _write(sys.stdout.buffer, out)
                _write(sys.stderr.buffer, err)
            except OSError:  # as a program in a pipe, it ends
                nobody_reads = True
                events.put(("signal", signal.SIGKILL))
        events.put(("ended", _exit_code(api, key)))
    except Exception:  # whatever it is: somebody waits for the end
        events.put(("lost", 0))


def _exit_code(api: "APIClient", key: str) -> int:
    """Waits until the container has ended, by polling: Podman's own wait takes 20 seconds where it has ended already."""
    pause_seconds = FIRST_PAUSE_SECONDS
    while True:
        state = api.inspect_container(key)["State"]
        if state["Status"] in ENDED:
            return int(state["ExitCode"])
        time.sleep(pause_seconds)
        pause_seconds = min(LONGEST_PAUSE_SECONDS, 2 * pause_seconds)


def _write(stream: BinaryIO, chunk: bytes | None) -> None:
    if chunk:
        stream.write(chunk)
        stream.flush()


def _until_it_ends(api: "APIClient", key: str, events: "queue.SimpleQueue[Event]") -> int:
    from docker.errors import APIError

    from bayplan.agent.engine_client import SDK_ERRORS

    received = 0
    while True:
        try:
            # With a time limit: Python handles a signal that came in another thread when this thread wakes.
            kind, number = events.get(timeout=LONGEST_PAUSE_SECONDS)
        except queue.Empty:
            continue
        if kind == "ended":
            return number
        if kind == "lost":
            raise EngineFailed(LOST, code="engine_unreachable")
        received += 1
        try:
            api.kill(key, signal.SIGKILL if received >= SIGNALS_UNTIL_IT_IS_KILLED else number)
        except APIError as error:
            if error.status_code not in HAS_ENDED:
                received -= 1
                events.put((kind, number))
                time.sleep(FIRST_PAUSE_SECONDS)
        except SDK_ERRORS:
            raise EngineFailed(LOST, code="engine_unreachable") from None


@contextmanager
def _handling_signals(on_signal: Callable[[int], None]) -> Iterator[None]:
    """Calls `on_signal` for each signal that is passed on to the container, in place of what it would do here."""
    before: dict[signal.Signals, Any] = {
        number: signal.signal(number, lambda received, _frame: on_signal(received)) for number in PASSED_ON
    }
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _translating_errors(engine: Engine, reference: Reference) -> AbstractContextManager[None]:
    from bayplan.agent.engine_client import translating_errors

    return translating_errors(engine.address, lambda text: engine_errors.about_start(text, engine.name, reference))
