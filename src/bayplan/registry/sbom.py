"""Documents that are attached to images: SBOMs (SPDX, CycloneDX, Syft) and provenance (SLSA), in in-toto statements or bare. Pure.

Only what facts are made of is kept; a document that is not as its format has it raises ManifestInvalid.
Source: spdx.dev (2.3, 3.0), cyclonedx.org (1.4 to 1.6), in-toto/attestation (Statement v0.1, v1), slsa.dev (v0.2, v1),
secure-systems-lab/dsse, sigstore/protobuf-specs (bundle), docs.docker.com/build/metadata/attestations.
"""

import base64
import binascii
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import unquote

import orjson

from bayplan.registry.errors import ManifestInvalid
from bayplan.registry.nfd_specification import NfdSpecification

MOST_PACKAGES = 100_000
MOST_BASES = 50
MOST_ARGUMENTS = 200
_LONGEST = 300
_DEEPEST = 5  # of documents within documents: bundle, envelope, statement, predicate, text

Keep = Callable[[str], bool]
Package = tuple[str, str, str]
"""Kind ("pypi", "deb", "rpm", "conda", or "" where the document does not say), name, version."""

Listed = tuple[Package, str]
"""A package, and its architecture in OCI's spelling; "" where it is for all, or does not say."""
_ARCHITECTURE = re.compile(r"[?&]arch=([A-Za-z0-9_]{1,20})(?=&|#|$)", re.ASCII)
_OCI_NAMES = {
    **{name: name for name in ("amd64", "arm64", "ppc64le", "s390x", "riscv64")},
    "x86_64": "amd64",
    "aarch64": "arm64",
    "ppc64el": "ppc64le",
}


@dataclass(frozen=True, slots=True)
class AttachedDocument:
    """What a document says: the packages of an SBOM; base images and arguments of a build."""

    kind: str
    """"SBOM (SPDX)", "SBOM (CycloneDX)", "SBOM (Syft)", "provenance" or "NFD image compatibility"."""
    packages: tuple[Package, ...] = ()
    bases: tuple[str, ...] = ()
    arguments: dict[str, str] = field(default_factory=dict)
    subjects: tuple[str, ...] = ()
    """The digests that the statement is about; none where the document is bare."""
    listed: int = 0
    """How many packages it lists; `packages` are those that were to be kept."""
    architectures: frozenset[str] = frozenset()
    """The architectures that its packages name; none where they name none."""
    specification: NfdSpecification | None = None
    """What an image compatibility specification says that a node needs."""
    digest: str = ""
    is_of_index: bool = False
    """Whether it is attached to an index of several images, and not to one of them."""

    def problem_on(self, architecture: str) -> str | None:
        """Why it says nothing of the image for that architecture; None where it does."""
        if self.kind == "provenance" or self.specification is not None or architecture in self.architectures:
            return None
        if self.architectures:
            return f"is about an image for {', '.join(sorted(self.architectures))}"
        return "is attached to the index, and names no architecture" if self.is_of_index else None


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

    def on(self, architecture: str) -> "Attached":
        """The documents about the image for that architecture; the others have a problem."""
        problems = {document.digest: document.problem_on(architecture) for document in self.documents}
        if not architecture or not any(problems.values()):
            return self
        return Attached(
            tuple(document for document in self.documents if problems[document.digest] is None),
            tuple(
                replace(entry, packages=None, problem=problem) if (problem := problems.get(entry.digest)) else entry
                for entry in self.attachments
            ),
        )


NOTHING_ATTACHED = Attached()


def read_document(body: bytes, what: str, keep: Keep) -> AttachedDocument | None:
    """What a document says; None for one of another kind (a signature, a report of vulnerabilities).

    Of an SBOM the packages are kept whose name `keep` takes: an image may have a hundred thousand.
    """
    return _Reader(what, keep).read(_parsed(body, what), (), 0)


def _parsed(body: bytes | str, what: str) -> dict[str, Any]:
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise ManifestInvalid(f"{what} is not valid JSON.") from None
    if not isinstance(document, dict):
        raise ManifestInvalid(f"{what} is not a JSON object.")
    return document


@dataclass(frozen=True, slots=True)
class _Reader:
    what: str
    keep: Keep

    def read(self, document: dict[str, Any], subjects: tuple[str, ...], depth: int) -> AttachedDocument | None:
        what = self.what
        if depth > _DEEPEST:
            raise ManifestInvalid(f"{what} is nested too deeply.")
        if isinstance(envelope := document.get("dsseEnvelope"), dict):
            return self.read(envelope, subjects, depth + 1)
        if isinstance(payload := document.get("payload"), str) and "payloadType" in document:
            try:
                inner = base64.b64decode(payload, validate=True)
            except (binascii.Error, ValueError):
                raise ManifestInvalid(f"{what} has a payload that is not Base64.") from None
            return self.read(_parsed(inner, what), subjects, depth + 1)
        if _text(document.get("_type")).startswith("https://in-toto.io/Statement"):
            return self._statement(document, depth)
        if "spdxVersion" in document:
            return self._sbom("SPDX", _of_spdx(document), subjects)
        if document.get("bomFormat") == "CycloneDX":
            return self._sbom("CycloneDX", _of_cyclonedx(document), subjects)
        if "@graph" in document and "spdx" in _text(document.get("@context")):
            return self._sbom("SPDX", _of_spdx_graph(document), subjects)
        if "artifacts" in document and "descriptor" in document:
            return self._sbom("Syft", _of_syft(document), subjects)
        return None

    def _statement(self, document: dict[str, Any], depth: int) -> AttachedDocument | None:
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
            predicate = _parsed(predicate["Data"], self.what)
        return self.read(predicate, subjects, depth + 1) if isinstance(predicate, dict) else None

    def _sbom(self, form: str, listed: Iterator[Listed], subjects: tuple[str, ...]) -> AttachedDocument:
        packages: list[Package] = []
        architectures: set[str] = set()
        number = 0
        for number, (package, architecture) in enumerate(listed, 1):
            if number > MOST_PACKAGES:
                raise ManifestInvalid(f"{self.what} lists more than {MOST_PACKAGES:,} packages.")
            if architecture:
                architectures.add(architecture)
            if self.keep(package[1]):
                packages.append(package)
        return AttachedDocument(
            f"SBOM ({form})",
            tuple(packages),
            subjects=subjects,
            listed=number,
            architectures=frozenset(architectures),
        )


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


def _of_spdx(document: dict[str, Any]) -> Iterator[Listed]:
    for package in _objects(document.get("packages")):
        references = _objects(package.get("externalRefs"))
        purls = (_text(entry.get("referenceLocator")) for entry in references if entry.get("referenceType") == "purl")
        yield _package(package.get("name"), package.get("versionInfo"), next(purls, ""))


def _of_spdx_graph(document: dict[str, Any]) -> Iterator[Listed]:
    for element in _objects(document.get("@graph")):
        if element.get("type") == "software_Package":
            purl = _text(element.get("software_packageUrl"))
            yield _package(element.get("name"), element.get("software_packageVersion"), purl)


def _of_cyclonedx(document: dict[str, Any]) -> Iterator[Listed]:
    waiting = list(reversed(_objects(document.get("components"))))
    while waiting:
        component = waiting.pop()
        yield _package(component.get("name"), component.get("version"), _text(component.get("purl")))
        waiting += _objects(component.get("components"))


def _of_syft(document: dict[str, Any]) -> Iterator[Listed]:
    for artifact in _objects(document.get("artifacts")):
        yield _package(artifact.get("name"), artifact.get("version"), _text(artifact.get("purl")))


def _package(name: Any, version: Any, purl: str) -> Listed:
    kind, _, rest = purl.removeprefix("pkg:").partition("/") if purl.startswith("pkg:") else ("", "", "")
    in_purl, _, version_in_purl = rest.partition("?")[0].rpartition("@")
    named = _text(name) or unquote(in_purl.rpartition("/")[2])
    package = kind[:20], named[:_LONGEST], (_text(version) or unquote(version_in_purl))[:_LONGEST]
    architecture = _ARCHITECTURE.search(purl)
    return package, "" if architecture is None else _OCI_NAMES.get(architecture[1], "")


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _object(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _objects(value: Any) -> list[dict[str, Any]]:
    return [entry for entry in value if isinstance(entry, dict)] if isinstance(value, list) else []
