"""An image that a container engine has, as its API shows it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from bayplan.errors import Invalid

if TYPE_CHECKING:
    from bayplan.domain.reference import Reference


@dataclass(frozen=True, slots=True)
class LocalImage:
    """An image that the engine has: the engine's key, the references it was pulled by, its size on the disk, and its tags."""

    id: str
    references: tuple[Reference, ...]
    size_bytes: int
    tags: tuple[str, ...] = ()

    @classmethod
    def of(cls, answer: Mapping[str, Any]) -> Self:
        """Reads an image as engines list and show it."""
        from bayplan.domain.reference import Reference  # here: it takes long to load, and no engine may be there

        references = []
        for text in answer.get("RepoDigests") or ():
            try:
                references.append(Reference.parse(text))
            except Invalid:  # "<none>@<none>": an image that was loaded, not pulled
                continue
        # Podman lists digests among the tags, and writes the registry that Docker leaves out.
        tags = tuple(
            tag.removeprefix("docker.io/").removeprefix("library/")
            for tag in answer.get("RepoTags") or ()
            if "@" not in tag and tag != "<none>:<none>"
        )
        return cls(str(answer["Id"]), tuple(references), int(answer.get("Size") or 0), tags)

    def is_of_repository(self, reference: Reference) -> bool:
        """Whether it was pulled from that registry and repository, by whichever digest."""
        key = (reference.registry, reference.repository)
        return any((own.registry, own.repository) == key for own in self.references)

    def has(self, reference: Reference) -> bool:
        """Whether this is the image of that registry, repository and digest."""
        key = (reference.registry, reference.repository, reference.digest)
        return any((own.registry, own.repository, own.digest) == key for own in self.references)


@dataclass(frozen=True, slots=True)
class ImageConfiguration:
    """An image's layers by the digests of what they unpack to, its variables, and its architecture."""

    diff_ids: tuple[str, ...]
    environment: Mapping[str, str]
    architecture: str | None

    @classmethod
    def of(cls, answer: Mapping[str, Any]) -> Self:
        """Reads an image as engines show it."""
        variables = ((answer.get("Config") or {}).get("Env")) or ()
        layers = (answer.get("RootFS") or {}).get("Layers") or ()
        pairs = (str(text).partition("=") for text in variables)
        return cls(
            tuple(map(str, layers)), {name: value for name, _, value in pairs}, answer.get("Architecture") or None
        )
