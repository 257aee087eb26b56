"""Documents that are attached to images: SBOMs (SPDX, CycloneDX, Syft) and provenance (SLSA), in in-toto statements or bare. Pure.

Only what facts are made of is kept; a document that is not as its format has it raises ManifestInvalid.
Source: spdx.dev (2.3, 3.0), cyclonedx.org (1.4 to 1.6), in-toto/attestation (Statement v0.1, v1), slsa.dev (v0.2, v1),
secure-systems-lab/dsse, sigstore/protobuf-specs (bundle), docs.docker.com/build/metadata/attestations.
"""

import base64
import binascii
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

import orjson

from bayplan.registry.errors import ManifestInvalid

MOST_PACKAGES = 100_000
MOST_BASES = 50
MOST_ARGUMENTS = 200
_LONGEST = 300
_DEEPEST = 5  # of documents within documents: bundle, envelope, statement, predicate, text

Package = tuple[str, str, str]
"""Kind ("pypi", "deb", "rpm", "conda", or "" where the document does not say), name, version."""


@dataclass(frozen=True, slots=True)
class AttachedDocument:
    """What a document says: the packages of an SBOM; base images and arguments of a build."""

    kind: str
    """"SBOM (SPDX)", "SBOM (CycloneDX)", "SBOM (Syft)" or "provenance"."""
    packages: tuple[Package, ...] = ()
    bases: tuple[str, ...] = ()
    arguments: dict[str, str] = field(default_factory=dict)
    subjects: tuple[str, ...] = ()
    """The digests that the statement is about; none where the document is bare."""


@dataclass(frozen=True, slots=True)
class Attachment:
    """An attached document as an inspection shows it: its kind and digest, and how many packages it lists or what is wrong."""

    kind: str
    digest: str
    packages: int | None = None
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class Attached:
    """All documents of an image, and what is said of each."""

    documents: tuple[AttachedDocument, ...] = ()
    attachments: tuple[Attachment, ...] = ()


NOTHING_ATTACHED = Attached()


def read_document(body: bytes, what: str) -> AttachedDocument | None:
    """What a document says; None for one of another kind (a signature, a report of vulnerabilities)."""
    return _read(_parsed(body, what), what, (), 0)


def _parsed(body: bytes | str, what: str) -> dict[str, Any]:
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise ManifestInvalid(f"{what} is not JSON, or not all of it.") from None
    if not isinstance(document, dict):
        raise ManifestInvalid(f"{what} is not a JSON object.")
    return document


def _read(document: dict[str, Any], what: str, subjects: tuple[str, ...], depth: int) -> AttachedDocument | None:
    if depth > _DEEPEST:
        raise ManifestInvalid(f"{what} has too many documents within documents.")
    if isinstance(envelope := document.get("dsseEnvelope"), dict):
        return _read(envelope, what, subjects, depth + 1)
    if isinstance(payload := document.get("payload"), str) and "payloadType" in document:
        try:
            inner = base64.b64decode(payload, validate=True)
        except (binascii.Error, ValueError):
            raise ManifestInvalid(f"{what} has a payload that is not Base64.") from None
        return _read(_parsed(inner, what), what, subjects, depth + 1)
    if _text(document.get("_type")).startswith("https://in-toto.io/Statement"):
        return _statement(document, what, depth)
    if "spdxVersion" in document:
        return AttachedDocument("SBOM (SPDX)", _packages(_of_spdx(document), what), subjects=subjects)
    if document.get("bomFormat") == "CycloneDX":
        return AttachedDocument("SBOM (CycloneDX)", _packages(_of_cyclonedx(document), what), subjects=subjects)
    if "@graph" in document and "spdx" in _text(document.get("@context")):
        return AttachedDocument("SBOM (SPDX)", _packages(_of_spdx_graph(document), what), subjects=subjects)
    if "artifacts" in document and "descriptor" in document:
        return AttachedDocument("SBOM (Syft)", _packages(_of_syft(document), what), subjects=subjects)
    return None


def _statement(document: dict[str, Any], what: str, depth: int) -> AttachedDocument | None:
    subjects = tuple(
        f"{algorithm}:{digest}"
        for subject in _objects(document.get("subject"))
        for algorithm, digest in _object(subject.get("digest")).items()
        if isinstance(digest, str)
    )
    predicate = document.get("predicate")
    kind = _text(document.get("predicateType"))
    if kind.startswith("https://slsa.dev/provenance/"):
        return _provenance(_object(predicate), subjects)
    if isinstance(predicate, dict) and isinstance(predicate.get("Data"), str):  # as cosign before 2 wrote it
        predicate = _parsed(predicate["Data"], what)
    return _read(predicate, what, subjects, depth + 1) if isinstance(predicate, dict) else None


def _provenance(predicate: dict[str, Any], subjects: tuple[str, ...]) -> AttachedDocument:
    definition = _object(predicate.get("buildDefinition"))
    external = _object(definition.get("externalParameters"))
    parameters = _object(_object(predicate.get("invocation")).get("parameters"))
    arguments = _object(parameters.get("args")) | _object(_object(external.get("request")).get("args"))
    materials = [*_objects(predicate.get("materials")), *_objects(definition.get("resolvedDependencies"))]
    bases = (_base(_text(material.get("uri"))) for material in materials[:MOST_BASES])
    prefix = "build-arg:"
    return AttachedDocument(
        "provenance",
        bases=tuple(dict.fromkeys(base for base in bases if base)),
        arguments={
            name.removeprefix(prefix): value
            for name, value in list(arguments.items())[:MOST_ARGUMENTS]
            if name.startswith(prefix) and isinstance(value, str) and len(name) + len(value) <= _LONGEST
        },
        subjects=subjects,
    )


def _base(uri: str) -> str | None:
    """The reference in "pkg:docker/nvidia/cuda@12.4.1-devel-ubuntu22.04?platform=linux%2Famd64"."""
    kind, separator, rest = uri.partition("/")
    if kind not in ("pkg:docker", "pkg:oci") or not separator or len(uri) > _LONGEST:
        return None
    name, _, tag = unquote(rest.partition("?")[0]).partition("@")
    if not name.isprintable() or not tag.isprintable() or "docker/dockerfile" in name or "buildkit" in name:
        return None
    return f"{name}:{tag}" if tag and ":" not in tag else name


def _packages(listed: Iterator[Package], what: str) -> tuple[Package, ...]:
    packages: list[Package] = []
    for package in listed:
        if len(packages) >= MOST_PACKAGES:
            raise ManifestInvalid(f"{what} lists more than {MOST_PACKAGES:,} packages.")
        packages.append(package)
    return tuple(packages)


def _of_spdx(document: dict[str, Any]) -> Iterator[Package]:
    for package in _objects(document.get("packages")):
        references = _objects(package.get("externalRefs"))
        purls = (_text(entry.get("referenceLocator")) for entry in references if entry.get("referenceType") == "purl")
        yield _package(package.get("name"), package.get("versionInfo"), next(purls, ""))


def _of_spdx_graph(document: dict[str, Any]) -> Iterator[Package]:
    for element in _objects(document.get("@graph")):
        if element.get("type") == "software_Package":
            purl = _text(element.get("software_packageUrl"))
            yield _package(element.get("name"), element.get("software_packageVersion"), purl)


def _of_cyclonedx(document: dict[str, Any]) -> Iterator[Package]:
    waiting = list(reversed(_objects(document.get("components"))))
    while waiting:
        component = waiting.pop()
        yield _package(component.get("name"), component.get("version"), _text(component.get("purl")))
        waiting += _objects(component.get("components"))


def _of_syft(document: dict[str, Any]) -> Iterator[Package]:
    for artifact in _objects(document.get("artifacts")):
        yield _package(artifact.get("name"), artifact.get("version"), _text(artifact.get("purl")))


def _package(name: Any, version: Any, purl: str) -> Package:
    kind, _, rest = purl.removeprefix("pkg:").partition("/") if purl.startswith("pkg:") else ("", "", "")
    in_purl, _, version_in_purl = rest.partition("?")[0].rpartition("@")
    named = _text(name) or unquote(in_purl.rpartition("/")[2])
    return kind[:20], named[:_LONGEST], (_text(version) or unquote(version_in_purl))[:_LONGEST]


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _object(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _objects(value: Any) -> list[dict[str, Any]]:
    return [entry for entry in value if isinstance(entry, dict)] if isinstance(value, list) else []
