"""The agent scans what it pulled, for real: a real registry, real engines, a process of its own."""

import json
import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest

from bayplan.agent.engine import Engine, connect
from bayplan.agent.scan_process import ScanOptions, command
from bayplan.agent.scan_queue import ScanQueue
from bayplan.domain.reference import Reference
from bayplan.schemas.scans import ScanReport
from tests.agent.box import Box, until
from tests.agent.engine.conftest import Body, Enter, Runs
from tests.agent.engine.images import Pushed, push_layers
from tests.agent.engine.running import Dockerd
from tests.programs import FETCH_TIMEOUT_SECONDS
from tests.registry.running import Registry
from tests.scan.made import container, elf, elf_with_note, entry, layer

pytestmark = pytest.mark.timeout(FETCH_TIMEOUT_SECONDS + 120)
SITE = "usr/lib/python3.11/site-packages"


@pytest.fixture(scope="module")
def scanned(registry: Registry) -> Pushed:
    """An image with a framework in one layer, which a later one replaces in part, and compat libraries."""
    fatbin = container(entry(2, 75), entry(2, 86), entry(2, 120), entry(1, 120))
    base = layer(
        {
            "usr/local/cuda": "/usr/local/cuda-12.8",
            "usr/local/cuda-12.8/compat/libcuda.so.570.86.15": elf_with_note(
                '{"CUDA Version":"12.8","Driver":[535,550]}'
            ),
            f"{SITE}/torch-2.6.0.dist-info/METADATA": b"Metadata-Version: 2.1\nName: torch\nVersion: 2.6.0\n\n",
            f"{SITE}/torch/lib/libtorch_cuda.so": elf(((".nv_fatbin", fatbin), (".text", os.urandom(300_000)))),
        }
    )
    top = layer(
        {
            f"{SITE}/.wh.torch-2.6.0.dist-info": b"",
            f"{SITE}/torch-2.7.1.dist-info/METADATA": b"Metadata-Version: 2.1\nName: torch\nVersion: 2.7.1+cu128\n\n",
        }
    )
    return push_layers(registry, "team/scanned", [base, top], env={"PATH": "/bin", "LD_LIBRARY_PATH": "/usr/lib"})


EXPECTED = {
    "accelerator": "cuda",
    "framework": "PyTorch",
    "framework_version": "2.7.1+cu128",
    "framework_cuda": "12.8",
    "kernel_architectures": {"torch": ["7.5", "8.6", "12.0+PTX"]},
    "compat_package": {"cuda": "12.8", "driver": "570.86.15"},
    "compat_activation": "toolkit",
    "python_version": "3.11",
}


@contextmanager
def pulled(address: str, image: Pushed) -> Iterator[Engine]:
    """The engine, which has that image."""
    with connect(address) as engine:
        engine.pull(Reference.parse(image.pinned), None)
        yield engine


def scan(image: Pushed, address: str, layers: Path, *, free_bytes: int = 0) -> Mapping[str, Any]:
    """The last line of a scan in a process of its own."""
    options = ScanOptions(image.pinned, address, str(layers), free_bytes, 0.0)
    done = subprocess.run(command(options), capture_output=True, text=True, timeout=100, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    last: Mapping[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return last


def values(line: Mapping[str, Any]) -> dict[str, Any]:
    """The facts of a report that the server takes."""
    report = ScanReport.model_validate(line["report"])
    assert report.architecture == "amd64"
    return {name: fact.value for name, fact in report.facts.items()}


@pytest.mark.parametrize("kind", ["Docker", "Podman"])
def test_an_image_of_the_engine_is_scanned_and_each_layer_once(
    kind: str, request: pytest.FixtureRequest, scanned: Pushed, tmp_path: Path
) -> None:
    """The second time nothing is exported; no container is made."""
    address = request.getfixturevalue("podman") if kind == "Podman" else request.getfixturevalue("engine").address
    with pulled(address, scanned) as engine:
        assert values(scan(scanned, address, tmp_path)) == EXPECTED
        assert len(list(tmp_path.iterdir())) >= 2
        # Without a byte of the disk free for an export, what is kept is enough.
        assert values(scan(scanned, address, tmp_path, free_bytes=1 << 60)) == EXPECTED
        refused = scan(scanned, address, tmp_path / "other", free_bytes=1 << 60)
        assert "the disk has" in refused["error"]
        assert refused["is_final"] is False
        assert engine.api.containers(all=True) == []
        engine.remove(Reference.parse(scanned.pinned))
    gone = scan(scanned, address, tmp_path)
    assert "any more" in gone["error"]
    assert gone["is_final"] is True


def test_a_scan_ends_with_its_parent(engine: Dockerd, scanned: Pushed, tmp_path: Path) -> None:
    """Its next line goes nowhere."""
    with pulled(engine.address, scanned):
        options = ScanOptions(scanned.pinned, engine.address, str(tmp_path), 0, 0.0)
        with subprocess.Popen(command(options), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
            assert process.stdout is not None
            process.stdout.close()
            assert process.wait(60) != 0


def test_what_a_rule_names_is_pulled_scanned_and_reported_once(
    engine: Dockerd, scanned: Pushed, enter: Enter, rule: Body, runs: Runs, machine: Box, staff: httpx2.Client
) -> None:
    """The image's facts have the scan's from then on; the agent that runs again reads nothing."""
    image = enter(scanned)
    with runs(scan_spread_seconds=0.0, scan_check_seconds=0.1) as worker:
        until(lambda: staff.get(f"/v1/scans/{scanned.digest}").status_code == 200, lambda: worker.output)
        worker.until_printed(f"Scanned {scanned.pinned}")
    scan = staff.get(f"/v1/scans/{scanned.digest}").json()
    assert {name: fact["value"] for name, fact in scan["facts"].items()} == EXPECTED
    assert scan["scanned_by"] == machine.kept.worker
    facts = staff.get(f"/v1/docker/{image['pk']}/facts").json()
    assert facts["kernel_architectures"]["value"] == EXPECTED["kernel_architectures"]
    assert facts["kernel_architectures"]["origin"] == "scan"
    queue = ScanQueue.beside(machine.state)
    shutil.rmtree(queue.folder)
    with runs(scan_spread_seconds=0.0, scan_check_seconds=0.1) as worker:
        until(
            lambda: [entry.state for entry in queue.entries()] == ["done"], lambda: f"{queue.entries()} {worker.output}"
        )
        assert "Scanned" not in worker.output
    assert not queue.layers.exists()
