"""`bayplan worker pull --run` for real: output, exit codes, signals, GPUs, and nothing left of the container."""

import signal
import subprocess
from collections.abc import Iterator
from contextlib import suppress

import pytest

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
        assert "The engine went away while the container ran." in err
        assert "Traceback" not in err
