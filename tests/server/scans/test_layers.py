"""Layers that a server's scan does not read, and findings of layers that are kept or go."""

import json
from typing import Any

import pytest

from bayplan.db.engines import open_database
from bayplan.server.scans import layers
from tests.conftest import Service
from tests.registry.misbehaving import Store
from tests.registry.running import CONFIG_OF, LAYER_OF, OCI_MANIFEST, configuration, digest_of
from tests.server.inspections.conftest import inspected, made, spoiled
from tests.server.scans.test_by_server import ended, layer

CONTENT = layer(100)
READABLE = {"mediaType": LAYER_OF[OCI_MANIFEST], "digest": digest_of(CONTENT), "size": len(CONTENT)}
FOREIGN = "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip"
NOT_DISTRIBUTABLE = "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip"
ENCRYPTED = "application/vnd.oci.image.layer.v1.tar+gzip+encrypted"


def absent(media_type: str) -> dict[str, Any]:
    """A layer that the registry does not have."""
    return {"mediaType": media_type, "digest": f"sha256:{'7' * 64}", "size": 1_000}


def scanned(service: Service, descriptors: list[dict[str, Any]]) -> tuple[dict[str, Any], str]:
    """How the scan of an image with these layers ended, and the digest of the image."""
    store = Store()
    described = json.dumps(configuration({"LAYERS": descriptors[-1]["mediaType"]})).encode()
    config = {"mediaType": CONFIG_OF[OCI_MANIFEST], "digest": digest_of(described), "size": len(described)}
    for content in (described, CONTENT):
        store.documents[f"/v2/ml/x/blobs/{digest_of(content)}"] = ("application/octet-stream", content)
    manifest = store.manifest("1", {"mediaType": OCI_MANIFEST, "config": config, "layers": descriptors})
    with spoiled(service.loop, store.answer) as registry:
        image = made(service, f"{registry.host}/ml/x:1")
        inspected(service, image)
        service.staff.post(f"/v1/docker/{image['pk']}/scan").raise_for_status()
        return ended(service, image), digest_of(manifest)


@pytest.mark.parametrize("media_type", [FOREIGN, NOT_DISTRIBUTABLE])
def test_a_layer_that_may_not_be_distributed_is_left_out_with_a_note(service: Service, media_type: str) -> None:
    job, digest = scanned(service, [absent(media_type), READABLE])
    assert job["state"] == "done", job
    scan = service.user.get(f"/v1/scans/{digest}").json()
    assert scan["facts"]["framework_cuda"]["value"] == "13.0"
    assert [note for note in scan["notes"] if "may not be distributed" in note and "7777" in note]


@pytest.mark.parametrize(
    ("descriptors", "sentence"),
    [
        ([READABLE, absent(ENCRYPTED)], "is encrypted"),
        ([READABLE] * 1_001, "more than 1,000 layers"),
    ],
    ids=["encrypted", "too many"],
)
def test_images_that_no_scan_reads_fail_with_the_reason(
    service: Service, descriptors: list[dict[str, Any]], sentence: str
) -> None:
    job, _ = scanned(service, descriptors)
    assert (job["state"], job["code"]) == ("failed", "scan_failed"), job
    assert sentence in job["detail"]


def test_the_findings_that_were_used_least_lately_go_first(service: Service) -> None:
    """Those that are too large for their share are not kept, and small ones are not too many."""

    async def work() -> list[bool]:
        db = open_database(service.settings.database_url)

        async def put(name: str, findings: bytes, second: int) -> None:
            await layers.keep(db, name, 1, findings, f"2100-01-01T00:00:{second:02d}Z", most_bytes=40_000)

        try:
            for second, name in enumerate("abcd"):
                await put(name, b"x" * 10_000, second)
            assert await layers.load(db, "a", 1, "2100-01-01T00:00:10Z") == b"x" * 10_000
            await put("e", b"x" * 10_001, 20)
            await put("f", b"x", 21)
            assert await layers.load(db, "f", 2, "2100-01-01T00:00:22Z") is None  # of another reader
            return [bool(await layers.load(db, name, 1, "2100-01-01T00:00:30Z")) for name in "abcdef"]
        finally:
            await db.close()

    assert service.loop.run(work()) == [True, False, True, True, False, True]
