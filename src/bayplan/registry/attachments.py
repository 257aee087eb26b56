"""Finds and reads what is attached to an image: attestations in its index, referrers, and the tags that stand for them.

A document that is missing, broken, of another image or too large never spoils an inspection: the inspection says so.
Source: opencontainers/distribution-spec, "Listing Referrers" and "Unavailable Referrers API"; BuildKit, attestation
storage; sigstore/cosign, specs (tags `.sbom` and `.att`).
"""

import asyncio
from dataclasses import replace

from bayplan.domain.reference import Reference
from bayplan.errors import BayplanError
from bayplan.registry import nfd_specification
from bayplan.registry.auth import RegistryCredentials
from bayplan.registry.client import MANIFEST_BYTES, RegistryClient
from bayplan.registry.content import (
    OCI_INDEX,
    Descriptor,
    Index,
    LayerDescriptor,
    Manifest,
    is_digest,
    parse_manifest,
    verify,
)
from bayplan.registry.errors import ImageNotFound, ManifestInvalid, RegistryError
from bayplan.registry.json_document import parse_document
from bayplan.registry.sbom import Attached, AttachedDocument, Attachment, read_document
from bayplan.registry.sbom_facts import is_telling

DOCUMENT_BYTES = 16 * 1024 * 1024
MOST_DOCUMENTS = 8
"""Of an image, whatever it has."""
MOST_MANIFESTS = 16
TAGS_BYTES = 1024 * 1024
_MOST_TAGS = 1000
SECONDS = 30.0
_PREDICATE = "in-toto.io/predicate-type"
_BUNDLE_PREDICATE = "dev.sigstore.bundle.predicateType"
_REFERENCE = "vnd.docker.reference.digest"
_DOCUMENT_KINDS = (
    *("application/spdx+json", "text/spdx+json", "application/vnd.cyclonedx+json", "application/vnd.syft+json"),
    *("application/vnd.in-toto+json", "application/vnd.dsse.envelope.v1+json"),
    nfd_specification.MEDIA_TYPE,
    *("application/vnd.dev.sigstore.bundle.v0.3+json", "application/vnd.dev.sigstore.bundle+json", "application/json"),
)
_SIGNATURES = frozenset({"application/vnd.dev.cosign.simplesigning.v1+json", "application/vnd.cncf.notary.signature"})
_PREDICATES = ("https://spdx.dev/", "https://cyclonedx.org/", "https://slsa.dev/provenance/", "https://syft.dev/")


class AttachmentReader:
    """Reads what is attached to the images of one inspection; `top` is the digest that the reference points to."""

    def __init__(
        self, client: RegistryClient, reference: Reference, credentials: RegistryCredentials | None, top: str
    ) -> None:
        self._client = client
        self._reference = reference
        self._credentials = credentials
        self._top = top
        self._listed: dict[str, list[Descriptor]] = {}
        self._of_top: asyncio.Task[list[Descriptor]] | None = None
        self._tags: asyncio.Task[frozenset[str] | None] | None = None
        self._manifests = 0
        self._images = 0
        self._read: dict[str, tuple[AttachedDocument | None, Attachment] | None] = {}

    def add_index(self, index: Index) -> None:
        """Takes the attestations of an index, each of which names the image that it is about."""
        self._images += len(index.images)
        for entry in index.attestations:
            self._listed.setdefault((entry.annotations or {}).get(_REFERENCE, ""), []).append(entry)

    async def of(self, digest: str) -> Attached:
        """What is attached to the image with that digest, and to the index that it is in."""
        try:
            async with asyncio.timeout(SECONDS):
                return await self._of(digest)
        except TimeoutError:
            problem = f"took longer than {SECONDS:g} s"
        except BayplanError as error:
            problem = _sentence(error)
        return Attached(attachments=(Attachment("attached documents", digest, problem=problem),))

    async def close(self) -> None:
        """Ends what is still being asked."""
        tasks = [task for task in (self._of_top, self._tags) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _of(self, digest: str) -> Attached:
        if self._of_top is None:
            self._of_top = asyncio.create_task(self._referrers(self._top))
        own = [] if digest == self._top else await self._referrers(digest)
        entries = {entry.digest: (entry, False) for entry in (*self._listed.get(digest, ()), *own)}
        for entry in await asyncio.shield(self._of_top):
            entries.setdefault(entry.digest, (entry, self._images > 1))
        layers: list[LayerDescriptor] = []
        of_index: set[str] = set()
        attachments: list[Attachment] = []
        for entry, is_of_index in list(entries.values())[:MOST_MANIFESTS]:
            try:
                attached = await self._layers(entry)
                of_index |= {layer.digest for layer in attached if is_of_index} - {layer.digest for layer in layers}
                layers += attached
            except (BayplanError, ValueError) as error:
                attachments.append(Attachment(_kind_of(entry), entry.digest, problem=_sentence(error)))
        documents: list[AttachedDocument] = []
        unique = list({layer.digest: layer for layer in layers}.values())
        if len(unique) > MOST_DOCUMENTS:
            problem = f"{len(unique) - MOST_DOCUMENTS} more are not read"
            attachments.append(Attachment("attached documents", digest, problem=problem))
        for layer in unique[:MOST_DOCUMENTS]:
            result = await self._document(layer)
            if result is None:
                continue
            document, attachment = result
            if document is not None and document.subjects and not {digest, self._top} & set(document.subjects):
                document, attachment = None, replace(attachment, packages=None, problem="is about another image")
            attachments.append(attachment)
            if document is not None:
                documents.append(replace(document, is_of_index=layer.digest in of_index))
        return Attached(tuple(documents), tuple(attachments))

    async def _referrers(self, digest: str) -> list[Descriptor]:
        """The manifests that name this one as their subject, by the registry's API, else by the tags that stand for it."""
        memory = self._client.without_referrers
        if not memory.get(self._reference.registry):
            try:
                return _documents_of(await self._ask_referrers(digest))
            except ImageNotFound:
                memory.put(self._reference.registry, True)
            except RegistryError:  # other refusals may pass
                pass
        if self._tags is None:
            self._tags = asyncio.create_task(self._list_tags())
        tags = await asyncio.shield(self._tags)
        tag = digest.replace(":", "-", 1)
        names = [name for name in (tag, f"{tag}.sbom", f"{tag}.att") if tags is None or name in tags]
        return [entry for entries in await asyncio.gather(*map(self._tagged, names)) for entry in entries]

    async def _list_tags(self) -> frozenset[str] | None:
        """The repository's tags of the form sha256-...; None where the registry does not list all of them at once."""
        target = f"tags/list?n={_MOST_TAGS}&last=sha"
        try:
            answer = await self._client.get(
                self._reference, self._credentials, target, "*/*", TAGS_BYTES, optional=True
            )
            listed = parse_document(answer.body, "The list of tags").get("tags")
        except RegistryError:
            return None
        if "Link" in answer.headers:
            return None
        names = listed if isinstance(listed, list) else []
        return frozenset(name for name in names if isinstance(name, str) and name.startswith(("sha256-", "sha512-")))

    async def _ask_referrers(self, digest: str) -> Index:
        target = f"referrers/{digest}"
        answer = await self._client.get(
            self._reference, self._credentials, target, OCI_INDEX, MANIFEST_BYTES, optional=True
        )
        _, content = parse_manifest(answer.body, OCI_INDEX, "The list of referrers")
        return content if isinstance(content, Index) else Index()

    async def _tagged(self, tag: str) -> list[Descriptor]:
        by_tag = replace(self._reference, tag=tag, digest=None)
        try:
            document = await self._client.manifest(by_tag, self._credentials, optional=True)
        except RegistryError:
            return []
        if isinstance(document.content, Index):
            return _documents_of(document.content)
        kind = document.content.artifact_type or document.content.config.media_type
        return [Descriptor(mediaType=document.media_type, digest=document.digest, artifactType=kind)]

    async def _layers(self, entry: Descriptor) -> list[LayerDescriptor]:
        """The layers of an attached manifest that may be documents."""
        self._manifests += 1
        if self._manifests > MOST_MANIFESTS:
            raise ManifestInvalid(f"is one of more than {MOST_MANIFESTS} attached manifests")
        by_digest = replace(self._reference, tag=None, digest=entry.digest)
        document = await self._client.manifest(by_digest, self._credentials)
        if not isinstance(document.content, Manifest):
            return []
        return [layer for layer in document.content.layers if _may_be_document(layer)]

    async def _document(self, layer: LayerDescriptor) -> tuple[AttachedDocument | None, Attachment] | None:
        """What a document says, read once for all images of the inspection; None for one of another kind."""
        if layer.digest in self._read:
            return self._read[layer.digest]
        if len(self._read) >= MOST_DOCUMENTS:
            problem = f"is one of more than {MOST_DOCUMENTS} documents"
            return None, Attachment(_shown(layer.media_type), _shown(layer.digest), problem=problem)
        result = self._read[layer.digest] = await self._read_document(layer)
        return result

    async def _read_document(self, layer: LayerDescriptor) -> tuple[AttachedDocument | None, Attachment] | None:
        try:
            if not is_digest(layer.digest):
                raise ManifestInvalid("has a digest of a kind that is not supported")
            if layer.size > DOCUMENT_BYTES:
                raise ManifestInvalid(f"has {layer.size:,} bytes; no more than {DOCUMENT_BYTES:,} are read")
            async with self._client.reading:
                answer = await self._client.get(
                    self._reference, self._credentials, f"blobs/{layer.digest}", "*/*", DOCUMENT_BYTES
                )
                document = await asyncio.to_thread(_parse, answer.body, layer)
        except BayplanError as error:
            return None, Attachment(_shown(layer.media_type), _shown(layer.digest), problem=_sentence(error))
        if document is None:
            return None
        packages = document.listed if document.kind.startswith("SBOM") else None
        return replace(document, digest=layer.digest), Attachment(document.kind, layer.digest, packages)


def _parse(body: bytes, layer: LayerDescriptor) -> AttachedDocument | None:
    verify(body, layer.digest, "The attached document")
    if layer.media_type == nfd_specification.MEDIA_TYPE:
        specification = nfd_specification.read_specification(body, "The specification")
        return AttachedDocument(nfd_specification.KIND, specification=specification)
    return read_document(body, "The document", is_telling)


def _documents_of(index: Index) -> list[Descriptor]:
    """The entries of a list of referrers that may be documents; signatures are none."""
    return [entry for entry in index.referrers if entry.artifact_type not in _SIGNATURES][:MOST_MANIFESTS]


def _may_be_document(layer: LayerDescriptor) -> bool:
    annotations = layer.annotations if isinstance(layer.annotations, dict) else {}
    predicate = str(annotations.get(_PREDICATE) or annotations.get(_BUNDLE_PREDICATE) or "")
    is_of_kind = layer.media_type.partition(";")[0] in _DOCUMENT_KINDS
    return is_of_kind and (not predicate or predicate.startswith(_PREDICATES))


def _kind_of(entry: Descriptor) -> str:
    return _shown(entry.artifact_type or entry.media_type or "attestation")


def _shown(text: str) -> str:
    """A text of the sender's choosing, short and in ASCII."""
    return ascii(text[:100])[1:-1]


def _sentence(error: Exception) -> str:
    return str(getattr(error, "detail", "") or error)[:300]
