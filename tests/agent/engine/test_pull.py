"""`bayplan worker pull` for real: a real server, real registries, a real engine."""

import json
import os
import pty
import re
import shutil
import signal
import subprocess
from contextlib import suppress
from pathlib import Path

import httpx2
import pytest

from bayplan.agent.scan_queue import ScanQueue
from tests.agent.box import Box, Ended
from tests.agent.engine.between import between, in_front
from tests.agent.engine.conftest import Body, Enter
from tests.agent.engine.images import Pushed, push
from tests.agent.engine.running import Dockerd
from tests.process import PROGRAM
from tests.programs import FETCH_TIMEOUT_SECONDS
from tests.registry.running import KINDS, LOGIN, Kind, Registry

pytestmark = pytest.mark.timeout(FETCH_TIMEOUT_SECONDS + 120)


def pull(box: Box, engine: Dockerd, name: str, *options: str, code: int = 0) -> Ended:
    """Pulls the best image for this test's task."""
    return box.run("pull", "--engine", engine.address, "--task", name, *options, code=code)


def files(box: Box) -> dict[Path, bytes]:
    """All files of the machine's home."""
    return {path: path.read_bytes() for path in box.folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("kind", KINDS)
def test_it_pulls_by_digest_from_every_kind_of_registry(
    kind: Kind, registries: dict[Kind, Registry], engine: Dockerd, machine: Box, enter: Enter, name: str
) -> None:
    pushed = push(registries[kind], f"team/{name}", more_bytes=[3_000_000, 1000])
    enter(pushed)
    before = files(machine)
    ended = pull(machine, engine, name)
    assert ended.out == f"{pushed.pinned}\n"
    assert f"Pulling {pushed.registry.host}/team/{name}" in ended.err
    assert "all 3 layers are here" in ended.err
    assert pushed.pinned in engine.everything()[0]
    queue = ScanQueue.beside(machine.state)
    assert [(scan.reference, scan.state) for scan in queue.entries()] == [(pushed.pinned, "waiting")]
    shutil.rmtree(queue.folder)
    assert files(machine) == before, "nothing else is kept: no credentials, no configuration"
    assert LOGIN.password not in engine.log


def test_what_is_here_already_is_not_pulled_again(
    engine: Dockerd, machine: Box, image: tuple[Pushed, Body], name: str
) -> None:
    pushed, _ = image
    pull(machine, engine, name)
    request_count = len(pushed.registry.requests)
    again = pull(machine, engine, name)
    assert again.out == f"{pushed.pinned}\n"
    assert "was here already" in again.err
    assert len(pushed.registry.requests) == request_count


def test_the_answer_for_programs(
    engine: Dockerd, machine: Box, image: tuple[Pushed, Body], name: str, staff: httpx2.Client
) -> None:
    pushed, entered = image
    answer = json.loads(pull(machine, engine, name, "--json", "--gpu", "1").out)
    assert answer.pop("size_bytes") > 100_000
    assert (
        answer.pop("reasons")
        == staff.post("/v1/docker/match", json={"node": answer["node"], "task": name}).json()["matches"][0]["reasons"]
    )
    assert answer == {
        "reference": pushed.pinned,
        "digest": pushed.digest,
        "image": {key: entered[key] for key in ("pk", "name", "version")},
        "grade": "native",
        "node": machine.kept.nodes[1],
        "gpu": 1,
        "pulled": True,
        "digest_from_catalogue": True,
        "passed_over": [],
    }
    assert json.loads(pull(machine, engine, name, "--json").out)["pulled"] is False


def test_the_catalogue_and_not_the_tag_says_what_is_pulled(
    engine: Dockerd, machine: Box, image: tuple[Pushed, Body], name: str, staff: httpx2.Client
) -> None:
    first, entered = image
    second = push(first.registry, first.repository, first.tag)
    assert first.digest != second.digest
    assert pull(machine, engine, name).out == f"{first.pinned}\n"
    assert second.pinned not in engine.everything()[0]
    assert staff.post(f"/v1/docker/{entered['pk']}/checks").json()["state"] == "moved"
    error = pull(machine, engine, name).err
    assert f"points to {second.digest} now. Taking {first.digest}, which the catalogue expects." in error
    staff.post(f"/v1/docker/{entered['pk']}/inspection").raise_for_status()
    assert pull(machine, engine, name).out == f"{second.pinned}\n", "staff have taken it over"


def test_an_image_that_its_registry_has_no_more_is_refused(
    engine: Dockerd, machine: Box, image: tuple[Pushed, Body], name: str
) -> None:
    first, entered = image
    second = push(first.registry, first.repository, first.tag)
    first.forget()
    before = engine.everything()
    ended = pull(machine, engine, name, code=1)
    named = f"{entered['name']}:{entered['version']}"
    assert ended.out == ""
    for text in (first.digest, f"Its tag 1 points to {second.digest} now", f"bayplan images inspect {named} --store"):
        assert text in ended.err
    assert engine.everything() == before
    second.forget()
    assert "Its tag 1 is not there either" in pull(machine, engine, name, code=1).err


def test_a_url_with_a_digest_is_its_own_word(
    engine: Dockerd, machine: Box, registry: Registry, enter: Enter, name: str
) -> None:
    pushed = push(registry, f"team/{name}")
    enter(pushed, inspect=False, url=pushed.pinned)
    ended = pull(machine, engine, name, "--json")
    assert json.loads(ended.out)["digest_from_catalogue"] is True
    assert "no digest" not in ended.err


@pytest.mark.parametrize("kind", ["open", "bearer"])
def test_an_image_of_which_no_digest_is_known_is_asked_for(
    kind: Kind,
    registries: dict[Kind, Registry],
    engine: Dockerd,
    machine: Box,
    enter: Enter,
    name: str,
    staff: httpx2.Client,
) -> None:
    pushed = push(registries[kind], f"team/{name}")
    entered = enter(pushed, inspect=False)
    ended = pull(machine, engine, name)
    assert ended.out == f"{pushed.pinned}\n"
    assert f"The catalogue has no digest of {entered['name']}:1 yet: taking {pushed.digest}" in ended.err
    staff.post(f"/v1/docker/{entered['pk']}/checks").raise_for_status()
    push(registries[kind], f"team/{name}")
    ended = pull(machine, engine, name)
    assert ended.out == f"{pushed.pinned}\n", "the digest of the first check counts"
    assert "no digest" not in ended.err


def test_a_machine_without_gpu(
    engine: Dockerd, machine_without_gpu: Box, registry: Registry, enter: Enter, name: str
) -> None:
    pushed = push(registry, f"team/{name}")
    enter(pushed, cpu=True, cuda_version=None, min_hardware_generation=None)
    answer = json.loads(pull(machine_without_gpu, engine, name, "--json").out)
    assert (answer["reference"], answer["grade"], answer["gpu"]) == (pushed.pinned, "cpu", None)
    assert "joined as one without GPU" in pull(machine_without_gpu, engine, name, "--gpu", "0", code=1).err


def test_nothing_that_runs_here_says_why(
    engine: Dockerd, machine: Box, registry: Registry, enter: Enter, name: str
) -> None:
    enter(push(registry, f"team/{name}"), cuda_version="13.0.0")
    ended = pull(machine, engine, name, code=1)
    assert re.match(r"The only such image does not run on \S+#0, GPU 0 of this machine. The reasons:", ended.err)
    assert "driver_too_old: 1 image." in ended.err
    assert "580.65.06" in ended.err
    other = machine.run("pull", "--engine", engine.address, "--task", "juggling", code=1)
    assert "No image in the catalogue has the task 'juggling'" in other.err
    assert (
        "This machine has no GPU 5 at its server: it has 0, 1." in pull(machine, engine, name, "--gpu", "5", code=1).err
    )


def test_the_next_best_is_taken_only_on_request(
    engine: Dockerd, machine: Box, registry: Registry, enter: Enter, name: str
) -> None:
    best, good = push(registry, f"team/{name}", "2"), push(registry, f"team/{name}", "1")
    first, second = enter(best, version="2"), enter(good, version="1")
    best.forget()
    refused = pull(machine, engine, name, code=1)
    assert refused.out == ""
    assert refused.err.endswith("`--next-best` takes the next image that runs here, if there is one.\n")
    assert good.pinned not in engine.everything()[0]
    answer = json.loads(pull(machine, engine, name, "--next-best", "--json").out)
    assert (answer["reference"], answer["image"]["pk"]) == (good.pinned, second["pk"])
    ((passed_over),) = answer["passed_over"]
    assert (passed_over["image"]["pk"], passed_over["code"]) == (first["pk"], "image_gone")
    good.forget()
    with engine.api() as api:
        api.remove_image(good.pinned)
        api.remove_image(f"bayplan/{second['name']}:{second['version']}")
    ended = pull(machine, engine, name, "--next-best", code=1)
    assert "No image that runs on" in ended.err
    assert ended.err.count("cannot be pulled.") == 2


def test_an_image_is_pulled_by_its_name(
    engine: Dockerd, machine: Box, registry: Registry, enter: Enter, name: str
) -> None:
    """As people type it: by name, name and version, reference, key; one that does not run here only by its grade."""
    pushed, newer = push(registry, f"team/{name}"), push(registry, f"team/{name}", "2")
    entered = enter(pushed, name=name, version="1")
    too_new = enter(newer, name=name, version="2", cuda_version="13.0.0")
    for words in ([f"{name}:1"], [name, "1"], [pushed.url], [str(entered["pk"])]):
        answer = json.loads(named(machine, engine, *words, "--json").out)
        assert (answer["reference"], answer["grade"]) == (pushed.pinned, "native")
    refused = named(machine, engine, f"{name}:2", code=3)
    assert refused.out == ""
    assert re.match(rf"{name}:2 does not run on \S+#0, GPU 0 of this machine. `--grade no` pulls it all", refused.err)
    assert "\n  driver_too_old: " in refused.err
    error = json.loads(named(machine, engine, f"{name}:2", "--json", code=3).err)
    assert (error["code"], error["exit_code"], error["errors"][0]["code"]) == ("does_not_run", 3, "driver_too_old")
    assert named(machine, engine, f"{name}:2", "--grade", "no").out == f"{newer.pinned}\n"
    assert "--grade takes minor" in named(machine, engine, f"{name}:1", "--grade", "minor", code=3).err
    assert f"did you mean {name}:1" in named(machine, engine, f"{name}:11", code=1).err
    assert "say which version" in named(machine, engine, name, code=1).err
    pushed.forget()
    with engine.api() as api:
        api.remove_image(pushed.pinned)
        api.remove_image(f"bayplan/{name}:1")
    gone = named(machine, engine, f"{name}:1", code=1)
    assert f"its registry does not have {pushed.digest} any more" in gone.err
    assert "--next-best" not in gone.err
    assert too_new["pk"] != entered["pk"]


def named(box: Box, engine: Dockerd, *words: str, code: int = 0) -> Ended:
    """Pulls an image by its name."""
    return box.run("pull", "--engine", engine.address, *words, code=code)


def test_where_the_engine_is_comes_from_its_own_variable(
    engine: Dockerd, machine: Box, image: tuple[Pushed, Body], name: str
) -> None:
    pushed, _ = image
    ended = machine.run("pull", "--task", name, variables={"DOCKER_HOST": engine.address})
    assert ended.out == f"{pushed.pinned}\n"
    other = machine.run("pull", "--task", name, variables={"DOCKER_HOST": "unix:///nowhere/engine.sock"}, code=1)
    assert "No container engine answers at /nowhere/engine.sock. Start it" in other.err


def test_a_terminal_gets_bars(engine: Dockerd, machine: Box, registry: Registry, enter: Enter, name: str) -> None:
    from tests.cli.conftest import Shell

    pushed = push(registry, f"team/{name}", more_bytes=[20_000_000, 2_000_000])
    enter(pushed)
    shell = Shell(machine.folder, {"worker_state": str(machine.state)})
    output = shell.at_terminal("worker", "pull", "--engine", engine.address, "--task", name, columns=60)
    assert output.code == 0, output.out
    plain = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", output.out)
    assert f"Pulling {registry.host}/{pushed.repository}\n" in plain
    assert "3 of 3 layers" in plain
    assert "━" in plain
    assert "…" not in plain, "nothing is cut off, however narrow the terminal is"
    for layer in pushed.layers:
        assert layer.removeprefix("sha256:")[:12] in plain
    assert plain.strip().endswith(pushed.pinned)


def test_a_terminal_is_left_as_it_was_found(
    engine: Dockerd, machine: Box, registry: Registry, enter: Enter, name: str
) -> None:
    """By whoever ends it: the cursor, which bars hide, is there again."""
    pushed = push(registry, f"team/{name}", more_bytes=[2_000_000])
    with between(registry) as server:
        enter(pushed, **in_front(pushed, server))
        server.held_back = pushed.layers[-1]
        terminal, its_end = pty.openpty()
        process = subprocess.Popen(
            [PROGRAM, "worker", "pull", "--engine", engine.address, "--task", name],
            env=machine.environment() | {"TERM": "xterm"},
            stdin=its_end,
            stdout=its_end,
            stderr=its_end,
        )
        os.close(its_end)
        output = b""
        while b"downloads" not in output:
            output += os.read(terminal, 1 << 16)
        process.send_signal(signal.SIGTERM)
        with suppress(OSError):  # its end
            while more := os.read(terminal, 1 << 16):
                output += more
        os.close(terminal)
        assert process.wait(30) == 128 + signal.SIGTERM
    assert output.rindex(b"\x1b[?25h") > output.rindex(b"\x1b[?25l")


def test_the_credentials_are_on_no_command_line_and_in_no_file(
    registries: dict[Kind, Registry], engine: Dockerd, machine: Box, enter: Enter, name: str
) -> None:
    """While it pulls: nothing on this machine's command lines, and no file but the server's own has the password."""
    command_lines: list[str] = []
    enter(push(registries["basic"], f"team/{name}", more_bytes=[30_000_000]))
    with machine.pulling("--engine", engine.address, "--task", name) as process:
        while process.poll() is None:
            command_lines += [_command_line(process) for process in Path("/proc").glob("[0-9]*")]
    assert process.returncode == 0
    assert any("worker" in line and "pull" in line for line in command_lines), (
        "the command lines were read while it ran"
    )
    assert [line for line in command_lines if LOGIN.password in line] == []
    assert [path for path, content in files(machine).items() if LOGIN.password.encode() in content] == []
    assert not (machine.folder / ".docker").exists()


def _command_line(process: Path) -> str:
    try:
        return (process / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except OSError:
        return ""


def test_arguments_without_run_are_refused(machine: Box) -> None:
    assert "add --run" in " ".join(machine.run("pull", "--", "train.py", code=2).err.split())
    assert "leave out -o json" in " ".join(machine.run("pull", "--run", "--json", code=2).err.split())
    error = machine.run("pull", "pytorch", "--task", "train", "--next-best", code=2).err
    assert "IMAGE names the image: leave out --task and --next-best, or IMAGE." in error
    error = machine.run("pull", "--run", "juggler:1", "python", "train.py", code=1).err
    assert "A command for the container stands after --." in error


def test_a_machine_that_has_not_joined(tmp_path: Path) -> None:
    assert "bayplan worker join" in Box(tmp_path).run("pull", code=1).err
    assert list(tmp_path.iterdir()) == []
