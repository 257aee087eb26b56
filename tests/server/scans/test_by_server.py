"""Scans by the server: the layers are read from a real registry, part by part, and the state can be asked for."""

import asyncio
import datetime
import io
import os
import tarfile
import time
from contextlib import AbstractAsyncContextManager
from typing import Any

from bayplan.db.database import Database, DatabaseUnavailable, Outage, Transaction
from bayplan.db.engines import open_database
from bayplan.db.keyring import Keyring
from bayplan.registry.blobs import PART_BYTES
from bayplan.server.outages import Outages
from bayplan.server.registries import Registries
from bayplan.server.scans import jobs
from bayplan.server.scans.runner import ScanRunner
from tests.answers import refused
from tests.conftest import Service
from tests.registry.running import LOGIN, Registry, configuration, digest_of
from tests.server.inspections.conftest import inspected, made, pushed

METADATA = b"Metadata-Version: 2.1\nName: torch\nVersion: 2.9.1+cu130\n"
PLACE = "usr/lib/python3/dist-packages/torch-2.9.1+cu130.dist-info/METADATA"
PATIENCE_SECONDS = 60.0


def layer(*padding_bytes: int) -> bytes:
    """A layer with the metadata of torch, and files that no compression makes smaller."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz", compresslevel=1) as archive:
        for name, content in ((PLACE, METADATA), *((f"data/{size}", os.urandom(size)) for size in padding_bytes)):
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return out.getvalue()


def with_layer(registry: Registry, repository: str, content: bytes) -> str:
    """Pushes an image with that layer; gives its reference."""
    blob = registry.blob(repository, content)
    registry.image_over(repository, "1", configuration({"CUDA_VERSION": "12.8.1", "OF": repository}), blob)
    return f"{registry.host}/{repository}:1"


def ended(service: Service, image: dict[str, Any]) -> dict[str, Any]:
    """The state of an image's scan when it has ended."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        job: dict[str, Any] = service.user.get(f"/v1/docker/{image['pk']}/scan").json()
        if job["state"] in ("done", "failed"):
            return job
        time.sleep(0.05)
    raise AssertionError(job)


def test_the_server_reads_the_layers_of_an_image(service: Service, guarded: Registry) -> None:
    content = layer(2 * PART_BYTES + 1_000)
    image = made(service, with_layer(guarded, "team/scanned", content), LOGIN)
    path = f"/v1/docker/{image['pk']}/scan"
    assert refused(service.staff.post(path), 404)["code"] == "not_inspected"
    (platform,) = inspected(service, image)["platforms"]
    assert refused(service.user.get(path), 404)["code"] == "not_scanned"
    refused(service.user.post(path), 403)
    refused(service.staff.post(path, json={"architecture": "riscv64"}), 422)
    asked = service.staff.post(path)
    assert asked.status_code == 202, asked.text
    job = ended(service, image)
    assert (job["state"], job["digest"], job["asked_by"]) == ("done", platform["digest"], "admin"), job
    assert job["bytes_done"] == job["bytes_total"] == len(content)
    scan = service.user.get(f"/v1/scans/{platform['digest']}").json()
    assert scan["facts"]["framework_cuda"]["value"] == "13.0"
    assert scan["scanned_by"] == "admin"
    fact = service.user.get(f"/v1/docker/{image['pk']}/facts").json()["framework_cuda"]
    assert (fact["value"], fact["origin"], fact["sources"][0]["source"]) == ("13.0", "scan", PLACE)
    entries = service.staff.get("/v1/audit", params={"kind": "registry"}).json()
    assert {"inspect", "scan"} <= {
        entry["action"] for entry in entries if [image["pk"], image["pk"]] in entry["images"]
    }


def test_a_layer_that_is_none_fails_with_a_code(service: Service, registry: Registry) -> None:
    image = made(service, pushed(registry, "scans/damaged"))  # whose layer is no archive
    inspected(service, image)
    service.staff.post(f"/v1/docker/{image['pk']}/scan").raise_for_status()
    job = ended(service, image)
    assert (job["state"], job["code"]) == ("failed", "scan_failed"), job
    assert job["detail"]


def test_a_layer_that_is_gone_fails_with_a_code(service: Service, registry: Registry) -> None:
    absent = layer(10)
    blob = {"digest": digest_of(absent), "size": len(absent)}
    repository = "scans/gone"
    registry.blob(repository, absent)
    registry.image_over(repository, "1", configuration({"GONE": "1"}), blob)
    image = made(service, f"{registry.host}/{repository}:1")
    inspected(service, image)
    # Removed behind the registry's back, as a mirror that copied no more than the manifest has it.
    for stored in (registry.log.parent).rglob(f"*{digest_of(absent).partition(':')[2]}*/data"):
        stored.unlink()
    service.staff.post(f"/v1/docker/{image['pk']}/scan").raise_for_status()
    job = ended(service, image)
    assert job["state"] == "failed", job
    assert job["code"] in ("image_not_found", "registry_failing", "registry_error", "registry_unreachable"), job


def test_a_scan_whose_process_has_died_begins_anew(service: Service, registry: Registry) -> None:
    image = made(service, with_layer(registry, "scans/again", layer(100)))
    (platform,) = inspected(service, image)["platforms"]

    async def work() -> list[Any]:
        db = open_database(service.settings.database_url)
        try:
            # From before every clock here, so that the server's own process finds it again only when its lease is over.
            await jobs.request(db, image["pk"], platform["digest"], "amd64", "2020-01-01T00:00:00Z", "admin")
            first = await jobs.claim(db, "2020-01-01T00:00:00Z", "2020-01-01T00:01:00Z")
            return [first, await jobs.load(db, image["pk"])]
        finally:
            await db.close()

    claim, state = service.loop.run(work())
    if claim is not None:  # else the server was faster
        assert claim.image == image["pk"]
        assert state["state"] in ("running", "done")
    service.staff.post(f"/v1/docker/{image['pk']}/scan").raise_for_status()  # the same one, which it does not wait for
    assert ended(service, image)["state"] == "done"
    assert state["asked"] == ended(service, image)["asked"]


class Interrupted:
    """A database that cannot store a scan the first time, and can again at once."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self.was_away = asyncio.Event()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._db, name)

    def write(self, *, moves: bool = True, **options: Any) -> AbstractAsyncContextManager[Transaction]:
        """Raises at the first write of what an image says."""
        if moves and not self.was_away.is_set():
            self.was_away.set()
            raise DatabaseUnavailable("nobody answers", Outage.UNREACHABLE)
        return self._db.write(moves=moves, **options)


def test_a_scan_that_met_an_outage_begins_anew(service: Service, registry: Registry) -> None:
    image = made(service, with_layer(registry, "scans/outage", layer(200)))
    (platform,) = inspected(service, image)["platforms"]
    path, ahead = f"/v1/docker/{image['pk']}/scan", datetime.datetime(2100, 1, 1, tzinfo=datetime.UTC)
    db: Any = Interrupted(open_database(service.settings.database_url))
    outages, registries = Outages(db), Registries(service.settings)
    runner = ScanRunner(db, outages, Keyring(None, service.settings.home / "secrets.key"), registries, lambda: ahead)

    async def start() -> None:
        # Leased until the server's own clock is as far, so that its process leaves the scan to this one.
        await jobs.request(db, image["pk"], platform["digest"], "amd64", "2020-01-01T00:00:00Z", "admin")
        await jobs.claim(db, "2020-01-01T00:00:00Z", "2099-01-01T00:00:00Z")
        runner.start()
        await asyncio.wait_for(db.was_away.wait(), PATIENCE_SECONDS)

    async def stop() -> None:
        await runner.stop()
        await outages.close()
        await registries.close()
        await db.close()

    service.loop.run(start())
    deadline = time.monotonic() + PATIENCE_SECONDS
    while (state := service.user.get(path).json())["state"] == "running" and time.monotonic() < deadline:
        time.sleep(0.02)
    service.loop.run(stop())
    assert state["state"] != "failed", state
    service.staff.post(path).raise_for_status()  # the same one: it wakes the server
    job = ended(service, image)
    assert (job["state"], job["code"], job["asked"]) == ("done", None, "2020-01-01T00:00:00Z"), job
    service.staff.get(f"/v1/scans/{platform['digest']}").raise_for_status()
