"""`bayplan worker pull --run` for real: output, exit codes, signals, GPUs, and nothing left of the container."""

import json
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, replace

import httpx2
import pytest

from bayplan.agent import container, credential
from bayplan.agent.devices import Device
from bayplan.agent.orphans import LABEL, CommandProcess
from tests.agent.box import Box, until
from tests.agent.engine.conftest import Body, Enter
from tests.agent.engine.images import Pushed, push
from tests.agent.engine.running import CONDITION_HOOK, Dockerd, running_engine
from tests.agent.engine.test_pull import pull
from tests.process import PROGRAM
from tests.programs import FETCH_TIMEOUT_SECONDS
from tests.registry.running import Registry

pytestmark = pytest.mark.timeout(FETCH_TIMEOUT_SECONDS + 120)
Image = tuple[Pushed, Body]
KILLED = """
import os, signal, sys
from bayplan.agent.container_watch import ContainerWatch
from bayplan.agent.engine_address import parse
watch = ContainerWatch(parse(sys.argv[1], "--engine"), sys.argv[2])
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture(autouse=True)
def nothing_is_left(engine: Dockerd) -> Iterator[None]:
    """After each test the engine has no container."""
    yield
    until(lambda: not engine.everything()[1], lambda: "the container is removed")


def test_the_output_is_the_containers(engine: Dockerd, machine: Box, image: Image, name: str) -> None:
    ended = pull(machine, engine, name, "--run")
    assert ended.out == "runs with gpu 0\n"
    assert ended.err.endswith("is here.\nand complains\n")
    assert engine.gpus_asked_for[-1] == "NVIDIA_VISIBLE_DEVICES=0"


def test_the_exit_code_is_the_containers(engine: Dockerd, machine: Box, image: Image, name: str) -> None:
    assert pull(machine, engine, name, "--run", "--", "7", code=7).out == "runs with gpu 0\n"
    assert pull(machine, engine, name, "--gpu", "1", "--run", "--", "0").out == "runs with gpu 1\n"
    assert engine.gpus_asked_for[-1] == "NVIDIA_VISIBLE_DEVICES=1"


def test_a_slice_is_started_by_its_uuid(engine: Dockerd, machine: Box, image: Image, name: str) -> None:
    uuid = "MIG-feb88891-0321-5fef-9c87-d4af3b54259e"
    kept = machine.kept
    credential.write(machine.state, replace(kept, devices={"1": asdict(Device(0, slice=uuid))}))
    assert pull(machine, engine, name, "--gpu", "1", "--run").out == f"runs with gpu {uuid}\n"
    assert engine.gpus_asked_for[-1] == f"NVIDIA_VISIBLE_DEVICES={uuid}"
    credential.write(machine.state, kept)


@pytest.mark.parametrize(("needed", "size_bytes"), [(1 << 28, 1 << 28), (1 << 20, 64 << 20)])
def test_an_image_has_the_shared_memory_that_it_needs(
    engine: Dockerd, machine: Box, image: Image, staff: httpx2.Client, name: str, needed: int, size_bytes: int
) -> None:
    """Where the engine gives a container less; where it gives more, that."""
    _, body = image
    staff.patch(f"/v1/docker/{body['pk']}/facts", json={"min_shared_memory_bytes": needed}).raise_for_status()
    with machine.pulling("--engine", engine.address, "--task", name, "--run", "--", "wait") as process:
        _until_it_waits(process)
        with engine.api() as api:
            (key,) = engine.everything()[1]
            assert api.inspect_container(key)["HostConfig"]["ShmSize"] == size_bytes
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=30)


def test_a_gpu_of_amd_is_started_by_its_device_files() -> None:
    options = container.device_options(Device(0, render="renderD128"))
    assert options == {"devices": ["/dev/kfd:/dev/kfd:rwm", "/dev/dri/renderD128:/dev/dri/renderD128:rwm"]}


def test_what_runs_without_a_gpu_asks_for_none(
    engine: Dockerd, machine_without_gpu: Box, registry: Registry, enter: Enter, name: str
) -> None:
    enter(push(registry, f"team/{name}"), cpu=True, cuda_version=None, min_hardware_generation=None)
    asked = len(engine.gpus_asked_for)
    assert pull(machine_without_gpu, engine, name, "--run").out == "runs with gpu none\n"
    assert len(engine.gpus_asked_for) == asked


def test_an_image_without_cuda_gets_no_gpu_where_there_is_one(
    engine: Dockerd, machine: Box, registry: Registry, enter: Enter, name: str
) -> None:
    enter(push(registry, f"team/{name}"), cpu=True, cuda_version=None, min_hardware_generation=None)
    assert pull(machine, engine, name, "--run").out == "runs with gpu none\n"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_signals_are_passed_on(engine: Dockerd, machine: Box, image: Image, name: str, number: signal.Signals) -> None:
    with machine.pulling("--engine", engine.address, "--task", name, "--run", "--", "wait") as process:
        _until_it_waits(process)
        process.send_signal(number)
        out, err = process.communicate(timeout=30)
    assert out == f"heard {number.value}\n"
    assert process.returncode == 40 + number
    assert "Traceback" not in err


def test_the_third_signal_kills_what_does_not_hear(engine: Dockerd, machine: Box, image: Image, name: str) -> None:
    with machine.pulling("--engine", engine.address, "--task", name, "--run", "--", "deaf") as process:
        _until_it_waits(process)
        for _ in range(2):
            process.send_signal(signal.SIGINT)
            with pytest.raises(subprocess.TimeoutExpired):
                process.wait(1)
        # On a busy machine two signals may be heard as one.
        until(lambda: _signalled(process) is not None, lambda: "the container is killed")
    assert process.returncode == 128 + signal.SIGKILL


def _signalled(process: "subprocess.Popen[str]") -> int | None:
    process.send_signal(signal.SIGINT)
    with suppress(subprocess.TimeoutExpired):
        process.wait(10)
    return process.returncode


def _until_it_waits(process: "subprocess.Popen[str]") -> None:
    assert process.stdout is not None
    for line in process.stdout:
        if line == "waiting\n":
            return
    raise AssertionError(process.stderr.read() if process.stderr else "")


def test_it_ends_when_nobody_reads_any_more(engine: Dockerd, machine: Box, image: Image, name: str) -> None:
    typed = f"'{PROGRAM}' worker pull --engine '{engine.address}' --task '{name}' --run -- endless | head -n 2"
    done = subprocess.run(
        ["sh", "-c", typed], env=machine.environment(), capture_output=True, text=True, timeout=60, check=False
    )
    assert done.stdout == "runs with gpu 0\ny\n"
    assert "Traceback" not in done.stderr, done.stderr


def test_an_image_that_cannot_be_started(
    engine: Dockerd, machine: Box, registry: Registry, enter: Enter, name: str
) -> None:
    enter(push(registry, f"team/{name}", entrypoint=["/nothing"]))
    ended = pull(machine, engine, name, "--run", code=1)
    assert "could not be started" in ended.err
    assert "/nothing" in ended.err


def test_an_engine_without_a_gpu_runtime(machine: Box, image: Image, name: str) -> None:
    with running_engine(hook=None) as bare:
        ended = pull(machine, bare, name, "--run", code=1)
        assert "nvidia-container-toolkit" in ended.err
        assert bare.everything()[1] == set()


def test_a_start_condition_that_the_runtime_refuses(machine: Box, image: Image, name: str) -> None:
    with running_engine(hook=CONDITION_HOOK) as strict:
        ended = pull(machine, strict, name, "--run", code=1)
        assert "unsatisfied condition: cuda>=12.9" in ended.err
        assert "bayplan why IMAGE --node NODE" in ended.err
        assert strict.everything()[1] == set()


def test_an_engine_that_goes_away_while_it_runs(machine: Box, image: Image, name: str) -> None:
    with running_engine() as doomed:
        options = ("--engine", doomed.address, "--task", name, "--run", "--", "wait")
        with machine.pulling(*options) as process:
            _until_it_waits(process)
            doomed.process.kill()
            _, err = process.communicate(timeout=30)
        assert process.returncode == 1
        assert "The engine stopped answering while the container ran." in err
        assert "Traceback" not in err


def test_a_command_that_is_killed_leaves_no_container(engine: Dockerd, machine: Box, image: Image, name: str) -> None:
    before = engine.everything()[1]
    options = ("--engine", engine.address, "--task", name, "--run", "--", "deaf")
    with machine.pulling(*options) as process:
        _until_it_waits(process)
        assert len(engine.everything()[1] - before) == 1
        process.kill()
        until(lambda: engine.everything()[1] == before, lambda: f"{engine.everything()[1]} is {before}")


def test_a_command_that_is_killed_while_it_creates_leaves_no_container(
    engine: Dockerd, machine: Box, image: Image, name: str
) -> None:
    """The engine is stopped, so that it creates the container when the command has been killed already."""
    pull(machine, engine, name)
    before = engine.everything()[1]
    engine.process.send_signal(signal.SIGSTOP)
    try:
        killed = [sys.executable, "-c", KILLED, engine.address, f"bayplan-{name}"]
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(str(engine.folder / "socket"))
            body = json.dumps({"Image": image[0].pinned})
            client.sendall(
                f"POST /containers/create?name=bayplan-{name} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
                f"Content-Length: {len(body)}\r\n\r\n{body}".encode()
            )
            assert subprocess.run(killed, check=False).returncode == -signal.SIGKILL
            engine.process.send_signal(signal.SIGCONT)
            assert b" 201 " in client.recv(100)
    finally:
        engine.process.send_signal(signal.SIGCONT)
    until(lambda: engine.everything()[1] == before, lambda: f"{engine.everything()[1]} is {before}")


def test_the_next_command_removes_what_was_killed_with_all_that_watched(
    engine: Dockerd, machine: Box, image: Image, name: str
) -> None:
    pull(machine, engine, name)
    current = CommandProcess.current()
    ended = subprocess.Popen(["true"])
    ended.wait()
    commands = {
        "alive": current,
        "ended": replace(current, pid=ended.pid),
        "number reused": replace(current, started=current.started - 1),
        "elsewhere": replace(current, pid_namespace=1, pid=ended.pid),
        "earlier boot": replace(current, boot="another", pid=ended.pid),
    }
    with engine.api() as api:
        keys = {
            kind: api.create_container(image[0].pinned, ["deaf"], labels={LABEL: str(command)})["Id"]
            for kind, command in commands.items()
        }
        keys["not ours"] = api.create_container(image[0].pinned, labels={LABEL: "what"})["Id"]
        api.start(keys["ended"])
        output = pull(machine, engine, name)
        left = engine.everything()[1]
        for key in left:
            api.remove_container(key, force=True)
    assert {kind for kind, key in keys.items() if key in left} == {"alive", "elsewhere", "not ours"}
    assert output.err.count("the command that ran it was killed") == 3
