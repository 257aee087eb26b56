"""A server that is ended in the middle of a scan goes on with the next layer when it runs again."""

import asyncio
import time
from pathlib import Path
from typing import Any

import httpx2
import sqlalchemy as sa

from bayplan.db import tables
from bayplan.db.engines import open_database
from bayplan.registry.blobs import PART_BYTES
from tests.catalogue import BODIES
from tests.inprocess import Loop
from tests.process import running_server
from tests.registry.misbehaving import Asked, Store
from tests.registry.running import CONFIG_OF, LAYER_OF, OCI_MANIFEST, digest_of
from tests.server.inspections.conftest import spoiled
from tests.server.scans.test_by_server import PATIENCE_SECONDS, PLACE, layer


def _state(client: httpx2.Client, path: str, *, is_ended: bool) -> dict[str, Any]:
    """The state of the scan when its first layer was read, or when it has ended."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        job: dict[str, Any] = client.get(path).json()
        if job["state"] in ("done", "failed") or (not is_ended and job["bytes_done"]):
            return job
        time.sleep(0.05)
    raise AssertionError(job)


async def _end_lease(home: Path) -> None:
    """As if a minute had passed."""
    db = open_database(f"sqlite:///{home / 'bayplan.db'}")
    async with db.write(moves=False) as tx:
        await tx.execute(sa.update(tables.scan_jobs).values(leased="2020-01-01T00:00:00Z"))
    await db.close()


def test_a_scan_goes_on_after_kill_9(tmp_path: Path, loop: Loop) -> None:
    first, second = layer(1_000), layer(2 * PART_BYTES)
    store, is_open = Store(), asyncio.Event()
    blobs = {f"/v2/ml/x/blobs/{digest_of(content)}": content for content in (first, second)}
    store.image("empty")
    config = next(entry for path, entry in store.documents.items() if "/blobs/" in path)[1]
    described = {"mediaType": CONFIG_OF[OCI_MANIFEST], "digest": digest_of(config), "size": len(config)}
    layers = [
        {"mediaType": LAYER_OF[OCI_MANIFEST], "digest": digest_of(content), "size": len(content)}
        for content in (first, second)
    ]
    store.manifest("1", {"mediaType": OCI_MANIFEST, "config": described, "layers": layers})

    async def answer(asked: Asked) -> None:
        if asked.target not in blobs:
            return await store.answer(asked)
        if asked.target.endswith(digest_of(second)):
            await is_open.wait()
        begin, end = map(int, asked.headers["range"].removeprefix("bytes=").split("-"))
        await asked.answer(206, blobs[asked.target][begin : end + 1])
        return None

    settings = {"registry_allow_private": "127.0.0.1/32"}
    with spoiled(loop, answer) as registry:
        body = BODIES["docker"](url=f"{registry.host}/ml/x:1", registry=f"http://{registry.host}")
        with running_server(tmp_path / "home", **settings) as server:
            server.stock()
            with server.client() as client:
                made = client.post("/v1/docker/create", json=body)
                assert made.status_code == 201, made.text
                pk = made.json()["pk"]
                client.post(f"/v1/docker/{pk}/inspection").raise_for_status()
                client.post(f"/v1/docker/{pk}/scan").raise_for_status()
                assert _state(client, f"/v1/docker/{pk}/scan", is_ended=False)["bytes_done"] == len(first)
            server.kill()
        loop.run(_end_lease(tmp_path / "home"))
        loop.run(_open(is_open))
        with running_server(tmp_path / "home", **settings) as server, server.client() as client:
            assert _state(client, f"/v1/docker/{pk}/scan", is_ended=True)["state"] == "done"
            facts = client.get(f"/v1/docker/{pk}/facts").json()
        assert facts["framework_cuda"]["sources"][0]["source"] == PLACE
        asked = [asked.target for asked in registry.asked if asked.target in blobs]
    assert asked.count(f"/v2/ml/x/blobs/{digest_of(first)}") == 1, asked


async def _open(event: asyncio.Event) -> None:
    event.set()
