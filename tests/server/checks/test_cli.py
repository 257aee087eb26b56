"""`bayplan images verify`, and what `images list` and `images show` say of registries."""

import asyncio
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from bayplan.cli.images import verify as verifying
from bayplan.client import Client
from bayplan.errors import Unreachable
from tests import catalogue
from tests.cli.conftest import Shell
from tests.inprocess import Loop
from tests.process import QUICK_SERVE, Server, running_server
from tests.registry.misbehaving import Asked
from tests.registry.running import Registry, configuration
from tests.server.inspections.conftest import spoiled

CUDA = {"CUDA_VERSION": "12.4.1"}
_COLOURS = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that may ask this machine, and checks on request."""
    home = tmp_path_factory.mktemp("server") / "home"
    with running_server(home, command=QUICK_SERVE, registry_allow_private="127.0.0.0/8") as server:
        server.stock()
        yield server


@pytest.fixture
def shell(server: Server, tmp_path: Path) -> Shell:
    """The shell of staff."""
    return Shell(tmp_path, {"server": server.url, "token": server.token()})


@pytest.fixture(autouse=True)
def _empty(server: Server) -> None:
    with server.client() as client:
        for image in client.post("/v1/docker/list").json():
            client.delete(f"/v1/docker/{image['pk']}")


def added(server: Server, registry: Registry, name: str, *, push: bool = True) -> str:
    """Adds an image, and pushes it; gives its repository."""
    if push:
        registry.image(f"cli/{name}", "1", configuration(CUDA))
    with server.client() as client:
        body = catalogue.image(name=name, version="1", url=f"{registry.host}/cli/{name}:1", registry=registry.host)
        client.post("/v1/docker/create", json=body).raise_for_status()
    return f"cli/{name}"


def test_verify_lists_what_is_not_ok_and_what_to_do(server: Server, registry: Registry, shell: Shell) -> None:
    added(server, registry, "fine")
    added(server, registry, "lost", push=False)
    printed = shell.run("images", "verify").out
    assert re.search(r"lost 1 +missing +\d{4}-\d\d-\d\d \d\d:\d\d UTC +'127\.0\.0\.1:\d+' has no 'cli/lost:1'", printed)
    assert "fine 1" not in printed
    assert "bayplan images rm IMAGE" in printed
    assert printed.endswith("Checked 2 images. Of 2 in all: 1 ok, 1 missing.\n")
    assert shell.run("images", "verify").out.endswith("Checked 1 image. Of 2 in all: 1 ok, 1 missing.\n")
    assert "Checked 2 images." in shell.run("images", "verify", "--all").out
    registry.image("cli/lost", "1", configuration(CUDA))
    assert shell.run("images", "verify").out == "Checked 1 image. Of 2 in all: 2 ok.\n"
    assert shell.run("images", "verify").out == "Nothing to check: 2 images, all ok; --all checks again.\n"


def test_verify_in_an_empty_catalogue(shell: Shell) -> None:
    assert shell.run("images", "verify").out == "No images.\n"


def test_verify_named_images(server: Server, registry: Registry, shell: Shell) -> None:
    added(server, registry, "named")
    added(server, registry, "other", push=False)
    printed = shell.run("images", "verify", "named", "other:1").out
    assert re.search(r"named 1 +ok ", printed)
    assert re.search(r"other 1 +missing ", printed)
    answers = json.loads(shell.run("images", "verify", "other", "named", "--json").out)
    assert [entry["state"] for entry in answers] == ["missing", "ok"]
    assert "There is no image 'nobody'" in shell.run("images", "verify", "named", "nobody", code=1).err
    assert "not both" in shell.run("images", "verify", "named", "--all", code=2).err


def test_verify_as_json(server: Server, registry: Registry, shell: Shell) -> None:
    added(server, registry, "counted")
    added(server, registry, "uncounted", push=False)
    output = json.loads(shell.run("images", "verify", "--json").out)
    assert (output["states"]["ok"], output["states"]["missing"], output["checked"]) == (1, 1, 2)
    assert [entry["name"] for entry in output["not_ok"]] == ["uncounted"]


def test_a_bar_on_a_terminal(server: Server, registry: Registry, shell: Shell) -> None:
    added(server, registry, "seen")
    printed = _COLOURS.sub("", shell.at_terminal("images", "verify", "--all").out)
    assert "1/1" in printed
    assert "Checked 1 image. Of 1 in all: 1 ok." in printed


def test_an_image_shows_what_happened_to_it(server: Server, registry: Registry, shell: Shell) -> None:
    repository = added(server, registry, "shown")
    assert "in registry  not checked yet" in shell.run("images", "show", "shown").out
    shell.run("images", "inspect", "shown", "--store")
    printed = shell.run("images", "show", "shown").out
    assert re.search(r"in registry +ok since .* UTC, checked just now", printed)
    assert "WHEN" not in printed
    registry.image(repository, "1", configuration({"CUDA_VERSION": "12.6.0"}))
    shell.run("images", "verify", "--all")
    printed = shell.run("images", "show", "shown").out
    assert re.search(r"in registry +moved since ", printed)
    assert re.search(r"UTC +moved +cuda_version: 12\.4\.1 -> 12\.6\.0", printed)


def test_a_list_by_state(server: Server, registry: Registry, shell: Shell) -> None:
    added(server, registry, "there")
    added(server, registry, "away", push=False)

    def listed(state: str) -> set[str]:
        return {image["name"] for image in json.loads(shell.run("images", "list", "--state", state, "--json").out)}

    assert listed("unchecked") == {"there", "away"}
    assert listed("not-ok") == set()
    shell.run("images", "verify")
    assert (listed("ok"), listed("missing"), listed("not-ok")) == ({"there"}, {"away"}, {"away"})
    assert (listed("moved"), listed("unchecked")) == (set(), set())
    assert "--state takes missing, moved" in shell.run("images", "list", "--state", "gone", code=2).err


def test_checks_that_make_no_progress_are_reported_and_end(
    server: Server, loop: Loop, capsys: pytest.CaptureFixture[str]
) -> None:
    async def hold(_asked: Asked) -> None:
        await asyncio.sleep(600)

    with (
        spoiled(loop, hold) as unresponsive,
        server.client() as http,
        Client(server.url, token=server.token()) as client,
    ):
        body = catalogue.image(name="held", version="1", url=f"{unresponsive.host}/ml/x:1", registry=unresponsive.host)
        http.post("/v1/docker/create", json=body).raise_for_status()
        with pytest.raises(Unreachable, match=f"1 image still to check, in {unresponsive.host}"):
            verifying.check_images(client, everything=True, notice_after_seconds=0.2, ends_after_seconds=1)
        assert capsys.readouterr().err.count("The server goes on when this command is stopped.") == 1
