"""A machine without a server, and what is run on it."""

import base64
import json
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests import forks
from tests.agent.box import Box, has_nvml
from tests.forks import PROGRAM
from tests.registry.running import LOGIN, Registry, configuration, running_registry

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def box(tmp_path: Path) -> Box:
    """A machine; tests give it GPUs."""
    if has_nvml():
        pytest.skip("this machine has NVML of its own")
    return Box(tmp_path)


@pytest.fixture
def run(box: Box) -> Run:
    """Runs `bayplan` on the machine; it must end with that exit code, and never with a traceback."""

    def ran(*arguments: str, code: int = 0, typed: str = "", **variables: str) -> subprocess.CompletedProcess[str]:
        done = forks.run([PROGRAM, *arguments], box.environment() | variables, typed)
        assert "Traceback" not in done.stderr, done.stderr
        assert done.returncode == code, f"{done.returncode}: {done.stdout}{done.stderr}"
        return done

    return ran


@pytest.fixture(scope="session")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    """A registry with an image of CUDA 12.8, one whose CUDA and GPU nothing says, an encoder, and one for two architectures."""
    with running_registry("basic", tmp_path_factory.mktemp("registry")) as registry:
        registry.image("ml/cuda", "12.8", CUDA)
        registry.image("ml/plain", "1", configuration({"PATH": "/bin"}))
        registry.image("ml/encoder", "1", configuration(ENCODER))
        arm = registry.image("ml/both", "arm64", configuration({"PATH": "/bin"}, architecture="arm64"))
        registry.index("ml/both", "1", [registry.image("ml/both", "amd64", CUDA), arm])
        yield registry


ENCODER = {"NVIDIA_VISIBLE_DEVICES": "all", "NVIDIA_DRIVER_CAPABILITIES": "video,utility"}
CUDA = configuration(
    {
        "NVIDIA_VISIBLE_DEVICES": "all",
        "NVIDIA_DRIVER_CAPABILITIES": "compute,utility",
        "NVIDIA_REQUIRE_CUDA": "cuda>=11.0",
        "CUDA_VERSION": "12.8.1",
    }
)


@pytest.fixture
def logged_in(box: Box, registry: Registry) -> Box:
    """The machine after `docker login` at the registry."""
    auth = base64.b64encode(f"{LOGIN.username}:{LOGIN.password}".encode()).decode()
    (box.folder / ".docker").mkdir()
    (box.folder / ".docker" / "config.json").write_text(json.dumps({"auths": {registry.host: {"auth": auth}}}))
    return box
