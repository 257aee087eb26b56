"""The recipes of docs/ci.md: the scripts run with the real command and a real registry, the files have the keys that their readers take."""

import base64
import json
import os
import re
import subprocess
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.cli.machine.conftest import CUDA
from tests.cli.machine.test_layouts import Layout
from tests.process import PROGRAM, environment
from tests.registry.running import LOGIN, Registry, configuration, running_registry
from tests.tour import ROOT

PAGE = (ROOT / "docs" / "ci.md").read_text(encoding="utf-8")
TOO_NEW = configuration({"NVIDIA_VISIBLE_DEVICES": "all", "CUDA_VERSION": "13.0.0"})

# docs.github.com, "Workflow syntax for GitHub Actions"
GITHUB = {"name", "on", "env", "jobs"}
GITHUB_JOB = {"runs-on", "strategy", "steps"}
# docs.gitlab.com, "CI/CD YAML syntax reference": job keywords
GITLAB_JOB = {"stage", "image", "variables", "script", "allow_failure"}
# kubernetes.io, API reference: Container v1 core
CONTAINER = {"name", "image", "command", "env", "resources"}
# pre-commit.com, "Creating new hooks"
HOOK = {"id", "name", "language", "entry", "files", "pass_filenames"}


def blocks(heading: str, language: str) -> list[str]:
    """The blocks of a language below a heading."""
    section = PAGE.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    found = re.findall(rf"^```{language}\n(.*?)^```$", section, re.MULTILINE | re.DOTALL)
    assert found, heading
    return found


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    """A registry that asks for credentials: an image does not run on the worker of the page, of another nothing is known."""
    with running_registry("basic", tmp_path_factory.mktemp("registry")) as registry:
        registry.image("ml/train", "new", TOO_NEW)
        registry.image("ml/train", "plain", configuration({"PATH": "/bin"}))
        yield registry


@pytest.fixture(scope="module")
def home(registry: Registry, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A job's folder: what `docker login` left, and a `uvx` that runs the bayplan that is installed."""
    folder = tmp_path_factory.mktemp("job")
    (folder / "bin").mkdir()
    (folder / "bin" / "uvx").write_text('#!/bin/sh\nexec "$@"\n')
    (folder / "bin" / "uvx").chmod(0o755)
    auth = base64.b64encode(f"{LOGIN.username}:{LOGIN.password}".encode()).decode()
    (folder / ".docker").mkdir()
    (folder / ".docker" / "config.json").write_text(json.dumps({"auths": {registry.host: {"auth": auth}}}))
    return folder


def run(script: str, home: Path, **variables: str) -> "subprocess.CompletedProcess[str]":
    """Runs a script as CI does: `sh -e`, nothing on the input."""
    path = f"{home / 'bin'}{os.pathsep}{PROGRAM.parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["sh", "-e", "-c", script],
        env=environment({}) | {"PATH": path, "HOME": str(home)} | variables,
        cwd=home,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert "Traceback" not in done.stderr, done.stderr
    return done


def test_gitlab_with_the_credentials_of_its_registry(registry: Registry, home: Path, tmp_path: Path) -> None:
    (job,) = yaml.safe_load(blocks("GitLab CI", "yaml")[0]).values()
    assert job.keys() <= GITLAB_JOB
    assert job["allow_failure"] == {"exit_codes": 4}
    script = "\n".join(job["script"])
    variables = {
        "CI_REGISTRY": registry.host,
        "CI_REGISTRY_USER": LOGIN.username,
        "CI_REGISTRY_PASSWORD": LOGIN.password,
    }
    done = run(script, home, HOME=str(tmp_path), IMAGE=f"{registry.host}/ml/train:new", **variables)
    assert done.returncode == 3
    assert "driver_too_old" in done.stdout
    assert json.loads((tmp_path / ".docker" / "config.json").read_text())["auths"].keys() == {registry.host}


def test_github_with_an_archive_of_docker(home: Path) -> None:
    # YAML 1.1 reads the key "on" as a truth value
    workflow = {
        {True: "on"}.get(key, key): value for key, value in yaml.safe_load(blocks("GitHub Actions", "yaml")[0]).items()
    }
    assert workflow.keys() == GITHUB
    (job,) = workflow["jobs"].values()
    assert job.keys() == GITHUB_JOB
    assert all(step.keys() in ({"uses"}, {"run"}) for step in job["steps"])
    layout = Layout(home / "layout")
    layout.image(CUDA, ref_name="train:1")
    with tarfile.open(home / "image.tar", "w") as archive:
        archive.add(layout.folder, ".")
    (check,) = (step["run"] for step in job["steps"] if "bayplan" in step.get("run", ""))
    worker = job["strategy"]["matrix"]["include"][0]
    filled = re.sub(r"\$\{\{ matrix\.(\w+) \}\}", lambda match: str(worker[match[1]]), check)
    assert run(filled, home).returncode == 0


def test_a_shell_lets_through_what_is_not_known_and_stops_at_a_no(registry: Registry, home: Path) -> None:
    _, lenient = blocks("A shell", "sh")
    plain = f"{registry.host}/ml/train:plain"
    done = run(f"{lenient}\necho on", home, IMAGE=plain)
    assert (done.returncode, done.stdout) == (0, f"Not known whether {plain} runs.\non\n")
    assert run(lenient, home, IMAGE=f"{registry.host}/ml/train:new").returncode == 3


def test_slurm_ends_a_task_only_where_its_image_does_not_run(registry: Registry, home: Path) -> None:
    _, prolog = blocks("Slurm", "sh")
    # the page's folder of bayplan is this environment's
    prolog = prolog.replace("/opt/bayplan/bin", str(PROGRAM.parent))
    assert str(PROGRAM.parent) in prolog
    image = f"{registry.host}/ml/train:new"
    done = run(prolog, home, IMAGE=image)  # `sh -e` is stricter than Slurm
    assert done.returncode == 3, "no GPU here, or none with a driver for it"
    assert re.fullmatch(rf"print \S+ does not run {re.escape(image)}: bayplan check says why\.\n", done.stdout)
    assert run(prolog, home, IMAGE="").returncode == 0


def test_an_init_container_and_a_hook(registry: Registry, home: Path) -> None:
    pod = yaml.safe_load(blocks("Kubernetes", "yaml")[0])
    assert (pod["apiVersion"], pod["kind"], pod["spec"]["restartPolicy"]) == ("v1", "Pod", "Never")
    for container in (*pod["spec"]["initContainers"], *pod["spec"]["containers"]):
        assert container.keys() <= CONTAINER
    program, *arguments = pod["spec"]["initContainers"][0]["command"]
    assert (program, arguments[0], arguments[2:]) == ("bayplan", "check", ["--no-catalogue"])
    assert arguments[1] == pod["spec"]["containers"][0]["image"], "it checks the image that the Pod runs"
    (hook,) = yaml.safe_load(blocks("pre-commit and make", "yaml")[0])["repos"][0]["hooks"]
    assert hook.keys() == HOOK
    script = blocks("pre-commit and make", "sh")[0]
    (home / "check-images.sh").write_text(script)
    (home / "images.txt").write_text(f"{registry.host}/ml/train:new\nnot-asked/any:more\n")
    done = run(hook["entry"], home)
    assert (done.returncode, done.stdout) == (1, f"{registry.host}/ml/train:new: 3\n")
    (home / "Makefile").write_text(blocks("pre-commit and make", "make")[0])
    printed = run("make --no-print-directory --dry-run check-image IMAGE=x/y:1", home).stdout
    assert printed == blocks("A shell", "sh")[0].replace("$IMAGE", "x/y:1"), "the same command as in a shell"
