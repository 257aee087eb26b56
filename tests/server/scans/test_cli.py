"""`bayplan images scan`, and `images facts` where a base and a framework are of different CUDAs."""

import json
import re
from collections.abc import Iterator

import pytest

from tests import catalogue
from tests.cli.conftest import Shell
from tests.process import QUICK_SERVE, running_server
from tests.registry.running import Registry
from tests.server.scans.test_by_server import layer, with_layer

_COLOURS = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


@pytest.fixture(scope="module")
def shell(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shell]:
    """The shell of staff of a server that may ask this machine."""
    home = tmp_path_factory.mktemp("server")
    with running_server(home / "home", command=QUICK_SERVE, registry_allow_private="127.0.0.0/8") as server:
        server.stock()
        yield Shell(home, {"server": server.url, "token": server.token()})


def added(shell: Shell, registry: Registry, name: str, content: bytes) -> str:
    """Adds an image with that layer; gives its name."""
    url = with_layer(registry, f"cli/{name}", content)
    file = shell.home / f"{name}.json"
    body = catalogue.image(name=name, version="1", url=url, registry=registry.host, cuda_version="12.4.1")
    file.write_text(json.dumps({"images": [{**body, "facts": {"framework_cuda": "12.8", "min_gpus": 1}}]}))
    shell.run("apply", str(file), "--yes")
    return name


def test_a_scan_shows_what_differs(shell: Shell, registry: Registry) -> None:
    name = added(shell, registry, "scanned", layer(10))
    printed = shell.run("images", "scan", name).out.splitlines()
    assert printed[0].startswith(f"Scanned {name} 1 for amd64: ")
    assert printed[1] == "1 fact differs between sources: the first line of each is used."
    assert printed[3].split() == ["framework_cuda", "staff", "12.8"]
    assert printed[4].split()[:2] == ["scan", "13.0"]
    assert json.loads(shell.run("images", "scan", name, "--json").out)["state"] == "done"


@pytest.mark.parametrize("columns", [80, 120])
def test_the_facts_fit_a_terminal(shell: Shell, registry: Registry, columns: int) -> None:
    name = added(shell, registry, f"seen-{columns}", layer(20))
    shell.run("images", "scan", name)
    lines = _COLOURS.sub("", shell.at_terminal("images", "facts", name, columns=columns).out).splitlines()
    assert max(map(len, lines)) <= columns
    assert any(".../torch-2.9.1+cu130." in line for line in lines)


def test_a_scan_that_fails_says_why(shell: Shell, registry: Registry) -> None:
    name = added(shell, registry, "damaged", b"not an archive")
    assert "The image was not scanned: " in shell.run("images", "scan", name, code=1).err
    assert "riscv64" in shell.run("images", "scan", name, "--architecture", "riscv64", code=1).err
