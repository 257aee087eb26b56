"""Writes SBOMs and provenance, and attaches them to images in each place where builders do."""

import base64
import json
from typing import Any

from bayplan.registry.content import OCI_INDEX
from bayplan.registry.interpret import PlatformFacts
from tests.registry.misbehaving import Store
from tests.registry.running import OCI_MANIFEST, digest_of

EMPTY = "application/vnd.oci.empty.v1+json"
SPDX_TYPE, CYCLONEDX_TYPE = "application/spdx+json", "application/vnd.cyclonedx+json"
IN_TOTO = "application/vnd.in-toto+json"
DSSE = "application/vnd.dsse.envelope.v1+json"
BUNDLE = "application/vnd.dev.sigstore.bundle.v0.3+json"
AMD64 = {"os": "linux", "architecture": "amd64"}
PACKAGES = {
    "torch": "2.9.1+cu130",
    "triton": "3.5.1",
    "nvidia-cudnn-cu13": "9.13.0.50",
    "nvidia-nccl-cu13": "2.27.7",
    "flash_attn": "2.8.3",
    "left-pad": "1.0",
}
FACTS = {
    "framework": "PyTorch",
    "framework_version": "2.9.1+cu130",
    "framework_cuda": "13.0",
    "triton_version": "3.5.1",
    "cudnn_version": "9.13.0.50",
    "nccl_version": "2.27.7",
    "packages": {"torch": "2.9.1+cu130", "triton": "3.5.1", "flash-attn": "2.8.3"},
}


def spdx(packages: dict[str, str] = PACKAGES) -> dict[str, Any]:
    """An SBOM in SPDX 2.3."""
    listed = []
    for name, version in packages.items():
        purl = {"referenceType": "purl", "referenceLocator": f"pkg:pypi/{name}@{version}"}
        listed.append({"name": name, "versionInfo": version, "externalRefs": [purl]})
    return {"spdxVersion": "SPDX-2.3", "packages": listed}


def spdx3() -> dict[str, Any]:
    """An SBOM in SPDX 3.0."""
    graph = [{"type": "software_Package", "name": name, "software_packageVersion": v} for name, v in PACKAGES.items()]
    return {"@context": "https://spdx.org/rdf/3.0.1/spdx-context.jsonld", "@graph": [{"type": "SpdxDocument"}, *graph]}


def cyclonedx() -> dict[str, Any]:
    """An SBOM in CycloneDX, with components in components."""
    listed = [{"type": "library", "name": name, "version": version} for name, version in PACKAGES.items()]
    return {"bomFormat": "CycloneDX", "components": [{"type": "container", "name": "x", "components": listed}]}


def syft() -> dict[str, Any]:
    """An SBOM in Syft's own format."""
    return {"artifacts": [{"name": n, "version": v} for n, v in PACKAGES.items()], "descriptor": {"name": "syft"}}


def statement(predicate: Any, kind: str = "https://spdx.dev/Document", about: str = "") -> dict[str, Any]:
    """A statement about an image."""
    algorithm, _, value = about.partition(":")
    subject = [{"name": "x", "digest": {algorithm: value}}] if about else []
    return {
        "_type": "https://in-toto.io/Statement/v0.1",
        "subject": subject,
        "predicateType": kind,
        "predicate": predicate,
    }


def envelope(document: dict[str, Any]) -> dict[str, Any]:
    """A signed envelope."""
    payload = base64.b64encode(json.dumps(document).encode()).decode()
    return {"payloadType": IN_TOTO, "payload": payload, "signatures": [{"sig": "x"}]}


PROVENANCE = {
    "materials": [
        {"uri": "pkg:docker/rocm/dev-ubuntu-22.04@6.3.1-complete?platform=linux%2Famd64"},
        {"uri": "pkg:docker/docker/buildkit-syft-scanner@stable-1"},
        {"uri": "https://github.com/x/y.git"},
    ],
    "invocation": {"parameters": {"args": {"build-arg:TORCH_VERSION": "2.6.0", "target": "final"}}},
}
PROVENANCE_1 = {
    "buildDefinition": {
        "resolvedDependencies": [{"uri": "pkg:docker/rocm/dev-ubuntu-22.04:6.3.1-complete"}],
        "externalParameters": {"request": {"args": {"build-arg:TORCH_VERSION": "2.6.0"}}},
    }
}


def artifact(store: Store, document: Any, kind: str, tag: str = "", **more: Any) -> bytes:
    """Adds an artifact with this document as its layer; gives its manifest."""
    body = document if isinstance(document, bytes) else json.dumps(document).encode()
    store.documents[f"/v2/ml/x/blobs/{digest_of(body)}"] = ("application/octet-stream", body)
    store.documents[f"/v2/ml/x/blobs/{digest_of(b'{}')}"] = ("application/octet-stream", b"{}")
    layer = {"mediaType": kind, "digest": digest_of(body), "size": len(body)} | more.pop("layer", {})
    config = {"mediaType": EMPTY, "digest": digest_of(b"{}"), "size": 2}
    return store.manifest(tag, {"mediaType": OCI_MANIFEST, "config": config, "layers": [layer], **more})


def entry(body: bytes, **more: Any) -> dict[str, Any]:
    """The entry of an index."""
    return {"mediaType": OCI_MANIFEST, "digest": digest_of(body), "size": len(body), **more}


def in_index(store: Store, image: bytes, document: Any, kind: str) -> None:
    """As BuildKit does."""
    layer = {"annotations": {"in-toto.io/predicate-type": document.get("predicateType", "")}}
    attestation = artifact(store, document, kind, layer=layer)
    annotations = {"vnd.docker.reference.type": "attestation-manifest", "vnd.docker.reference.digest": digest_of(image)}
    unknown = {"os": "unknown", "architecture": "unknown"}
    entries = [entry(image, platform=AMD64), entry(attestation, platform=unknown, annotations=annotations)]
    store.manifest("1", {"mediaType": OCI_INDEX, "manifests": entries})


def by_api(store: Store, image: bytes, document: Any, kind: str) -> None:
    """As registries with the referrers API have it."""
    listed = entry(artifact(store, document, kind), artifactType=kind)
    signature = entry(b"unasked", artifactType="application/vnd.dev.cosign.simplesigning.v1+json")
    body = json.dumps({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [signature, None, 7, listed]}).encode()
    store.documents[f"/v2/ml/x/referrers/{digest_of(image)}"] = (OCI_INDEX, body)


def tags(store: Store, *names: str) -> None:
    """Adds the list of tags."""
    body = json.dumps({"name": "ml/x", "tags": ["1", *names]}).encode()
    store.documents["/v2/ml/x/tags/list?n=1000&last=sha"] = ("application/json", body)


def by_tag(store: Store, image: bytes, document: Any, kind: str) -> None:
    """As clients do where there is no such API."""
    tag = digest_of(image).replace(":", "-")
    store.manifest(
        tag, {"mediaType": OCI_INDEX, "manifests": [entry(artifact(store, document, kind), artifactType=kind)]}
    )
    tags(store, tag)


def by_cosign(store: Store, image: bytes, document: Any, kind: str) -> None:
    """As cosign attaches SBOMs and attestations, by tags of its own; the list of tags is not whole here."""
    suffix = ".att" if kind == DSSE else ".sbom"
    artifact(store, document, kind, tag=digest_of(image).replace(":", "-") + suffix)


def values(platform: PlatformFacts) -> dict[str, Any]:
    """The facts but for the start conditions."""
    return {name: fact.value for name, fact in platform.facts.items()}
