"""The wheel in a fresh environment, without the server's dependencies: `bayplan check` and `bayplan probe` answer."""

import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from bayplan.cli import SERVER_PARTS
from tests.cli.machine.conftest import CUDA
from tests.cli.machine.test_layouts import Layout
from tests.registry.running import running_registry

ROOT = Path(__file__).parents[1]
UV = shutil.which("uv") or shutil.which("uv", path=str(Path(sys.prefix) / "bootstrap" / "bin"))
_NO_INDEX = ("Failed to fetch", "error sending request", "dns error", "Connection refused", "timed out")


def _uv(*arguments: str | Path) -> None:
    assert UV is not None
    done = subprocess.run([UV, *arguments], capture_output=True, text=True, timeout=100, check=False)
    if any(sign in done.stderr for sign in _NO_INDEX):
        pytest.skip("the packages cannot be fetched here")
    assert done.returncode == 0, done.stderr


@pytest.mark.skipif(UV is None, reason="uv is not installed")
def test_check_and_probe_answer_from_the_wheel_alone(tmp_path: Path) -> None:
    _uv("build", "-q", "--wheel", "--out-dir", tmp_path, ROOT)
    _uv("venv", "-q", tmp_path / "fresh")
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as packed:
        assert _data_files() <= set(packed.namelist())
    python = tmp_path / "fresh" / "bin" / "python"
    _uv("pip", "install", "-q", "--python", python, wheel)

    def run(*arguments: str) -> tuple[int, str]:
        environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path)}
        command = [str(tmp_path / "fresh" / "bin" / "bayplan"), *arguments]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        assert done.stderr == ""
        return done.returncode, done.stdout

    listed = subprocess.run([python, "-c", _INSTALLED], capture_output=True, text=True, check=True).stdout
    assert not set(json.loads(listed)) & SERVER_PARTS
    assert run("probe")[0] == 0
    Layout(tmp_path / "layout").image(CUDA)
    worker = ("--driver", "580.95.05", "--gpu", "4090", "--quiet")
    assert run("check", f"oci:{tmp_path / 'layout'}", *worker) == (0, "")
    with running_registry("open", tmp_path / "registry") as registry:
        registry.image("ml/cuda", "1", CUDA)
        assert run("check", f"{registry.host}/ml/cuda:1", *worker) == (0, "")
        assert run("check", f"{registry.host}/ml/cuda:1", "--cpu-only", "--quiet") == (3, "")


def _data_files() -> set[str]:
    """What the server reads beside its modules: the pages' files and the examples."""
    pages = {
        path.relative_to(ROOT / "src").as_posix() for path in (ROOT / "src/bayplan/web").rglob("*.*") if path.is_file()
    }
    return {path for path in pages if not path.endswith((".py", ".pyc"))} | {
        f"bayplan/examples/{name}.yaml" for name in ("catalogue", "fleet")
    }


_INSTALLED = """
import json
from importlib.metadata import packages_distributions

print(json.dumps(list(packages_distributions())))
"""
