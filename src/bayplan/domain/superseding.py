"""Which image of a name is newer than another: by their versions, compared as versions.

A version has a release (2.4.1, 2.4.1rc1, 24.01-r2). What stands behind it is a variant (cuda12.4-cudnn9-runtime), and what stands
before it a series (`86-1.8` and `turing-1.8` of text-embeddings-inference are for different GPUs). A newer release replaces the
variants of an older one in its series. An equal release replaces nothing: 2.4.1-cuda11.8 and 2.4.1-cuda12.4 are there for
different drivers. Dates (2024-01-05, 20240105) have an order among themselves alone. A pre-release replaces pre-releases alone.
What is a pre-release and what a later build is spelled as in PEP 440. Texts without a number and hashes of commits
(docker/metadata-action makes tags like `sha-860c190`) have no order.

To use instead of an image is only what does the same: the newest that is for all its tasks and runs on all nodes that run it.
"""

import re
from collections.abc import Hashable, Iterable
from dataclasses import dataclass
from functools import lru_cache
from itertools import groupby

from bayplan.domain.compatibility.bits import Bits
from bayplan.domain.versions import sort_key

_MOST_COMPARED = 100
"""The images with which others of a name are compared, of all that differ in more than their release."""
_COMMIT = re.compile(r"(?:sha|git|commit)[-_.:]?[0-9a-f]{7,64}|(?=.*[a-f])(?=.*[0-9])[0-9a-f]{7,64}|[a-f]{7,64}")
_PARTS = re.compile(
    r"(?P<series>(?:[0-9]++[-_](?=v?[0-9]+\.[0-9]))?[^0-9]*?)(?:(?<![a-z])v\.?)?"
    r"(?P<number>[0-9]++(?:\.[0-9]++)*+(?:[-_][0-9]++(?![a-z.]))*+)"
    r"(?P<before>[-._]?(?:dev|alpha|a|beta|b|c|rc|preview|pre|nightly)[-._]?[0-9]*+(?![a-z]))?"
    r"(?P<after>[-._]?(?:post|rev|r|build)[-._]?[0-9]++)?"
    r"(?P<variant>.*)"
)
_DATE = re.compile(r"((?:19|20)[0-9]{2})([-_.]?)(0[1-9]|1[0-2])\2(0[1-9]|[12][0-9]|3[01])(?![0-9])")
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

    It replaces only images with the same framework for the same accelerator, and where the platforms of both are known, images
    that share one; where nobody should use it, none.
    """

    pk: int
    name: str
    version: str
    added: str
    framework: str | None
    accelerator: str | None
    platforms: frozenset[str]
    """Empty where they are not known."""
    tasks: frozenset[str]
    kinds: Bits
    """The places of the kinds of nodes that run it."""
    is_usable: bool


@dataclass(frozen=True, slots=True)
class Newer:
    """The newest image that replaces another, as its pk, and when the first one was added; of its variant where there is one.

    `use` is the newest that is for all its tasks and runs on all nodes that run it, None without one.
    """

    newest: int
    since: str
    use: int | None


def superseded(images: Iterable[VersionedImage]) -> dict[int, Newer]:
    """The images that newer ones of the same name replace, by pk."""
    families: dict[Hashable, list[tuple[_Version, VersionedImage]]] = {}
    for image in images:
        version = _parsed(image.version)
        if version is not None:
            family = image.name, version.series, image.framework, image.accelerator
            families.setdefault(family, []).append((version, image))
    replaced: dict[int, Newer] = {}
    for members in families.values():
        if len(members) > 1:
            replaced |= _of_family(members)
    return replaced


def _of_family(members: list[tuple[_Version, VersionedImage]]) -> dict[int, Newer]:
    """The images of a family that are replaced: they are gone through from the newest on."""
    members.sort(key=lambda member: (member[0].release, member[0].whole, member[1].pk), reverse=True)
    replaced: dict[int, Newer] = {}
    newer: dict[Hashable, _Equals] = {}
    for _, group in groupby(members, key=lambda member: member[0].release):
        of_release = list(group)
        for version, image in of_release:
            replacement = _newer(version, image, newer.values())
            if replacement is not None:
                replaced[image.pk] = replacement
        for version, image in of_release:
            if image.is_usable:
                same = version.is_pre_release, version.words, image.platforms, image.tasks, image.kinds
                equals = newer.get(same)
                if equals is not None:
                    equals.since = min(equals.since, image.added)
                elif len(newer) < _MOST_COMPARED:
                    newer[same] = _Equals(version, image, image.added)
    return replaced


@dataclass(slots=True)
class _Equals:
    """The newest of some images that differ in nothing but their release, and when the first of them was added."""

    version: _Version
    newest: VersionedImage
    since: str


def _newer(version: _Version, image: VersionedImage, newer: Iterable[_Equals]) -> Newer | None:
    """What replaces an image, of images with newer releases, the newest first."""
    replacing = [each for each in newer if _replaces(each, version, image)]
    if not replacing:
        return None
    replacing.sort(key=lambda each: each.version.words != version.words)  # stable: of each half the newest first
    fitting = (
        each.newest.pk
        for each in replacing
        if image.tasks <= each.newest.tasks and not image.kinds & ~each.newest.kinds
    )
    return Newer(replacing[0].newest.pk, min(each.since for each in replacing), next(fitting, None))


def _replaces(newer: _Equals, version: _Version, image: VersionedImage) -> bool:
    if newer.version.is_pre_release and not version.is_pre_release:
        return False
    platforms = newer.newest.platforms
    return not platforms or not image.platforms or not platforms.isdisjoint(image.platforms)


@lru_cache(maxsize=16_384)
def _parsed(text: str) -> _Version | None:
    folded = text.strip().casefold()
    parts = _PARTS.fullmatch(folded)
    if parts is None or _COMMIT.fullmatch(folded):
        return None
    number, series = parts["number"], parts["series"].strip("-_. ")
    if (date := _DATE.match(number)) is not None:
        number, series = f"{date[1]}.{date[3]}.{date[4]}{number[date.end() :]}", f"{series} by date"
    before = (parts["before"] or "").replace("nightly", "dev")
    release = sort_key(number + before + (parts["after"] or ""))
    words = tuple(_WORDS.findall(parts["variant"]))
    return _Version(series, release, bool(before), words, sort_key(folded))
