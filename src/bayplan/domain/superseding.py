"""Which image of a name is newer than another: by their versions, compared as versions.

A version has a release (2.4.1, 2.4.1rc1, 24.01-r2). What stands behind it is a variant (cuda12.4-cudnn9-runtime), and what stands
before it a series (`86-1.8` and `turing-1.8` of text-embeddings-inference are for different GPUs). A newer release replaces the
variants of an older one in its series. An equal release replaces nothing: 2.4.1-cuda11.8 and 2.4.1-cuda12.4 are there for
different drivers. A pre-release replaces pre-releases alone. What is a pre-release and what a later build is spelled
as in PEP 440. Texts without a number and hashes of commits (docker/metadata-action makes tags like `sha-860c190`) have no order.
"""

import re
from collections.abc import Hashable, Iterable
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import groupby

from bayplan.domain.versions import sort_key

_COMMIT = re.compile(r"(?:sha|git|commit)[-_.:]?[0-9a-f]{7,64}|(?=.*[a-f])(?=.*[0-9])[0-9a-f]{7,64}|[a-f]{7,64}")
_PARTS = re.compile(
    r"(?P<series>(?:[0-9]++[-_](?=v?[0-9]+\.[0-9]))?[^0-9]*?)(?:(?<![a-z])v\.?)?"
    r"(?P<number>[0-9]++(?:\.[0-9]++)*+(?:[-_][0-9]++(?![a-z.]))*+)"
    r"(?P<before>[-._]?(?:dev|alpha|a|beta|b|c|rc|preview|pre|nightly)[-._]?[0-9]*+(?![a-z]))?"
    r"(?P<after>[-._]?(?:post|rev|r|build)[-._]?[0-9]++)?"
    r"(?P<variant>.*)"
)
_WORDS = re.compile(r"[^\W\d_]+")


@dataclass(frozen=True, slots=True)
class _Version:
    """The parts of a version: what stands before its release, the key of the release, and the words behind it."""

    series: str
    release: str
    is_pre_release: bool
    words: tuple[str, ...]
    whole: str


@dataclass(frozen=True, slots=True)
class VersionedImage:
    """An image of a name: when it was added, and what its code is for.

    It replaces only images for the same accelerator; where nobody should use it, none.
    """

    pk: int
    name: str
    version: str
    added: str
    accelerator: str | None
    is_usable: bool


@dataclass(frozen=True, slots=True)
class Newer:
    """The newest image that replaces another, of the same variant where there is one, as its pk; and when the first one was added."""

    newest: int
    since: str


def superseded(images: Iterable[VersionedImage]) -> dict[int, Newer]:
    """The images that newer ones of the same name replace, by pk."""
    families: dict[Hashable, list[tuple[_Version, VersionedImage]]] = {}
    for image in images:
        version = _parsed(image.version)
        if version is not None:
            families.setdefault((image.name, version.series, image.accelerator), []).append((version, image))
    replaced: dict[int, Newer] = {}
    for members in families.values():
        if len(members) > 1:
            replaced |= _of_family(members)
    return replaced


def _of_family(members: list[tuple[_Version, VersionedImage]]) -> dict[int, Newer]:
    """The images of a family that are replaced: they are gone through from the newest on."""
    members.sort(key=lambda member: (member[0].release, member[0].whole, member[1].pk), reverse=True)
    replaced: dict[int, Newer] = {}
    newer = {False: _Newest(), True: _Newest()}
    """What replaces a release, and what replaces a pre-release."""
    for _, group in groupby(members, key=lambda member: member[0].release):
        of_release = list(group)
        for version, image in of_release:
            newest = newer[version.is_pre_release]
            pk = newest.by_words.get(version.words, newest.pk)
            if pk is not None:
                replaced[image.pk] = Newer(pk, newest.since)
        for version, image in of_release:
            if image.is_usable:
                newer[True].add(version, image)
                if not version.is_pre_release:
                    newer[False].add(version, image)
    return replaced


@dataclass(slots=True)
class _Newest:
    """The newest of the images so far, that of each variant, and when the first of them was added."""

    pk: int | None = None
    since: str = "~"
    by_words: dict[tuple[str, ...], int] = field(default_factory=dict)

    def add(self, version: _Version, image: VersionedImage) -> None:
        """Adds one that is older than those that are there."""
        self.pk = image.pk if self.pk is None else self.pk
        self.since = min(self.since, image.added)
        self.by_words.setdefault(version.words, image.pk)


@lru_cache(maxsize=16_384)
def _parsed(text: str) -> _Version | None:
    folded = text.strip().casefold()
    parts = _PARTS.fullmatch(folded)
    if parts is None or _COMMIT.fullmatch(folded):
        return None
    before = (parts["before"] or "").replace("nightly", "dev")
    release = sort_key(parts["number"] + before + (parts["after"] or ""))
    words = tuple(_WORDS.findall(parts["variant"]))
    return _Version(parts["series"].strip("-_. "), release, bool(before), words, sort_key(folded))
