"""A real Podman for the tests, serving Docker's API, over folders of its own."""

import contextlib
import json
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.agent.engine.running import end, unmounted
from tests.programs import Program, program

PATIENCE_SECONDS = 20.0


@contextlib.contextmanager
def running_podman() -> Iterator[str]:
    """The address of a fresh one, for as long as the block lasts."""
    if os.geteuid() != 0:
        pytest.skip("Podman is tested as root alone")
    podman = program("podman")
    with contextlib.ExitStack() as stack:
        folder = Path(tempfile.mkdtemp(prefix="podman-", dir="/tmp"))  # a socket's path is to be short
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        log = stack.enter_context((folder / "log").open("wb"))
        environment = podman.environment | _settings(folder, podman)
        process = subprocess.Popen(
            [podman.path, "system", "service", "--time", "0", f"unix://{folder}/socket"],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
        stack.callback(unmounted, folder)
        stack.callback(end, process, folder)
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not (folder / "socket").exists():
            if process.poll() is not None:
                pytest.skip(f"podman cannot run here: {(folder / 'log').read_text().strip()[-300:]}")
            assert time.monotonic() < deadline, (folder / "log").read_text()
            time.sleep(0.02)
        yield f"unix://{folder}/socket"


def _settings(folder: Path, program: Program) -> dict[str, str]:
    """Writes what it is to know, and gives the variables that tell it where that is."""
    policy = folder / "home" / ".config" / "containers" / "policy.json"
    policy.parent.mkdir(parents=True)
    policy.write_text(json.dumps({"default": [{"type": "insecureAcceptAnything"}]}))
    files = {
        "CONTAINERS_REGISTRIES_CONF": '[[registry]]\nlocation = "127.0.0.1"\ninsecure = true\n',
        "CONTAINERS_STORAGE_CONF": (
            f'[storage]\ndriver = "overlay"\nrunroot = "{folder}/run"\ngraphroot = "{folder}/data"\n'
        ),
        "CONTAINERS_CONF": (
            '[containers]\ndefault_ulimits = ["nofile=4096:4096", "nproc=4096:4096"]\nnetns = "none"\n'
            '[engine]\nruntime = "runc"\ncgroup_manager = "cgroupfs"\nevents_logger = "file"\n'
            f'conmon_path = ["{shutil.which("conmon", path=program.environment["PATH"])}"]\n'
            f'tmp_dir = "{folder}/tmp"\nvolume_path = "{folder}/volumes"\n'
            f'[network]\nnetwork_config_dir = "{folder}/networks"\ncni_plugin_dirs = ["{program.path.parents[1]}/lib/cni"]\n'
        ),
    }
    # What its API gives a container that asks for no network: one to itself, which needs neither a bridge nor iptables.
    network = {"cniVersion": "0.4.0", "name": "podman", "plugins": [{"type": "loopback"}]}
    (folder / "networks").mkdir()
    (folder / "networks" / "87-podman.conflist").write_text(json.dumps(network))
    for name, content in files.items():
        (folder / name).write_text(content)
    return {name: str(folder / name) for name in files} | {"HOME": str(folder / "home"), "TMPDIR": str(folder)}
