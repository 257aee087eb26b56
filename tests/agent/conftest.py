"""A machine, a real server, and join tokens for it."""

import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.agent.box import Box
from tests.agent.documents import A6000
from tests.process import Server, running_server


@pytest.fixture
def box(tmp_path: Path) -> Box:
    """A machine with two RTX A6000."""
    box = Box(tmp_path)
    box.has("535.104.05", A6000, A6000)
    return box


@pytest.fixture(scope="session")
def nvml(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The variables with which the library in the place of NVML is found, and no nvidia-smi; it is compiled here."""
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("no C compiler")
    folder = tmp_path_factory.mktemp("nvml")
    source = Path(__file__).with_name("nvml_stand_in.c")
    subprocess.run([compiler, "-shared", "-fPIC", "-o", folder / "libnvidia-ml.so.1", source], check=True)
    return {"LD_LIBRARY_PATH": str(folder), "PATH": str(folder)}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The home folder of the module's server."""
    return tmp_path_factory.mktemp("server") / "home"


@pytest.fixture(scope="module")
def server(home: Path) -> Iterator[Server]:
    """A real server; tests use machines with addresses of their own."""
    with running_server(home, log_level="debug") as server:
        yield server


@pytest.fixture
def staff(server: Server) -> Iterator[httpx2.Client]:
    """A client that is logged in as staff."""
    with server.client() as client:
        yield client


@pytest.fixture
def token(staff: httpx2.Client) -> Callable[[], str]:
    """Makes join tokens."""

    def made() -> str:
        answer = staff.post("/v1/nodes/join-tokens", json={"uses": 3})
        assert answer.status_code == 201, answer.text
        text: str = answer.json()["token"]
        return text

    return made


@pytest.fixture
def address(request: pytest.FixtureRequest) -> str:
    """An address of this test alone."""
    return f"{re.sub('[^a-z0-9]+', '-', request.node.name)[:60].strip('-')}.example.net"


@pytest.fixture
def nodes(staff: httpx2.Client, address: str) -> Callable[[], list[dict[str, Any]]]:
    """Gives the nodes at this test's address, by index."""

    def list_nodes() -> list[dict[str, Any]]:
        body = {"expressions": [{"type": "exact", "field": "ip", "value": address}], "order_by": [{"field": "index"}]}
        listed: list[dict[str, Any]] = staff.post("/v1/nodes/list", json=body).json()
        return listed

    return list_nodes
