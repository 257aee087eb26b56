"""The images of the catalogue that a text names: by name and version, or by a reference as `docker pull` takes it.

The server is asked with filters; however large the catalogue is, a few images are read.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Literal, overload

from bayplan.client.collection import Collection, Named
from bayplan.client.filters import any_of, both, contains, exact, order
from bayplan.errors import Invalid, NotFound

if TYPE_CHECKING:
    from bayplan.client.filters import Expression
    from bayplan.client.transport import Params
    from bayplan.domain.reference import Reference
    from bayplan.schemas.docker import ExpandedImageAnswer, ImageAnswer  # noqa: F401  # the class below names it in a text
    from bayplan.schemas.inspection import InspectionAnswer

SIMILAR_AT_MOST = 1_000
"""Images that are compared with a text that names none."""
NAMED_AT_MOST = 8
_DIGESTS_AT_MOST = 20
_SCHEMES = ("docker://", "https://", "http://")
_GRAM = 3
_NUMBERS = re.compile(r"[0-9]+(?:\.[0-9]+)+")


class CatalogueImages(Collection["ImageAnswer", "ExpandedImageAnswer"]):
    """The images, and the inspections by which a digest names one."""

    count_params: ClassVar[Params] = {"limit": 1, "credentials": "false"}

    @overload
    def by_key(self, pk: int, *, expand: Literal[True] = ...) -> ExpandedImageAnswer: ...

    @overload
    def by_key(self, pk: int, *, expand: bool) -> Any: ...

    def by_key(self, pk: int, *, expand: bool = True) -> Any:
        """The image with that key, without credentials. Raises `NotFound`."""
        return self._request("GET", f"{self._path}/{pk}", params=self._without_credentials(expand))

    @overload
    def without_credentials(
        self,
        *expressions: Expression,
        order_by: Sequence[str] = ...,
        include_inactive: bool = ...,
        limit: int | None = ...,
        offset: int | None = ...,
        expand: Literal[True] = ...,
    ) -> list[ExpandedImageAnswer]: ...

    @overload
    def without_credentials(
        self,
        *expressions: Expression,
        order_by: Sequence[str] = ...,
        include_inactive: bool = ...,
        limit: int | None = ...,
        offset: int | None = ...,
        expand: bool,
    ) -> Any: ...

    def without_credentials(
        self,
        *expressions: Expression,
        order_by: Sequence[str] = (),
        include_inactive: bool = False,
        limit: int | None = None,
        offset: int | None = None,
        expand: bool = True,
    ) -> Any:
        """The images that satisfy every expression, in order, as `list` gives them, but for their credentials.

        A name alone gives no password away, and makes no entry in the audit log.
        """
        body = {
            "expressions": [*expressions],
            "order_by": order(tuple(order_by)),
            "include_inactive": include_inactive,
        }
        params = {"limit": limit, "offset": offset, **self._without_credentials(expand)}
        return self._request("POST", f"{self._path}/list", body, params=params)

    def _without_credentials(self, expand: bool) -> dict[str, Any]:
        return {"expand": self._references if expand else None, "credentials": "false"}

    def inspection(self, named: Named) -> InspectionAnswer:
        """The stored inspection of the image. Raises `NotFound` where there is none."""
        stored: InspectionAnswer = self._request("GET", f"{self._path}/{self.key(named)}/inspection")
        return stored


def image(catalogue: CatalogueImages, text: str, *, deleted: bool = False) -> ExpandedImageAnswer:
    """The image with that name or reference; with `deleted`, a deleted one.

    Raises `NotFound`, which names the nearest images, and `Invalid` where there are several.
    """
    images = images_named(catalogue, text, deleted=deleted)
    match images:
        case [single]:
            return single
        case [] if deleted:
            raise NotFound(f"There is no deleted image {text!r}; `bayplan images list --deleted` lists them.")
        case []:
            in_registry = f" `bayplan check {text}` asks its registry." if "/" in text and reference_of(text) else ""
            raise NotFound(f"There is no image {text!r}{similar(catalogue, text)}{in_registry}")
    from bayplan.domain.versions import sort_key

    one_name = len({image["name"] for image in images}) == 1
    newest_first = sorted(images, key=lambda image: sort_key(image["version"]), reverse=True)
    newest_first.sort(key=lambda image: image["name"])
    listed = ", ".join(
        f"{image['version'] if one_name else image['name'] + ':' + image['version']} ({image['pk']})"
        for image in newest_first[:NAMED_AT_MOST]
    )
    more = " and more" if len(images) > NAMED_AT_MOST else ""
    which = "version" if one_name else "name"
    raise Invalid(f"{text!r} may be any of {len(images)} images; say which {which} (or key): {listed}{more}.")


def images_named(catalogue: CatalogueImages, text: str, *, deleted: bool = False) -> list[ExpandedImageAnswer]:
    """The images with that name, or that name and version; where there are none, those with that reference."""
    from bayplan.domain.names import composed, splits

    reference = reference_of(text)
    by_name = [
        exact("name", text),
        *(both(exact("name", name), exact("version", version)) for name, version in splits(text)),
    ]
    by_url = [] if reference is None else [*(exact("url", url) for url in _urls(reference, text)), _pinned(reference)]
    images = catalogue.without_credentials(any_of(*by_name, *by_url), include_inactive=deleted)
    if deleted:
        images = [image for image in images if image["deletion_time"] is not None]

    pairs = {(composed(name), composed(version)) for name, version in splits(text)}
    named = [image for image in images if image["name"] == composed(text) or (image["name"], image["version"]) in pairs]
    if named or reference is None:
        return named
    return _with_reference(images, text, reference) or _with_digest(catalogue, reference)


def reference_of(text: str) -> Reference | None:
    """The reference that a text is, with the tag `latest` where it has neither tag nor digest; None for a text that is none."""
    from dataclasses import replace

    from bayplan.domain.reference import Reference

    for scheme in _SCHEMES:
        text = text.removeprefix(scheme)
    try:
        reference = Reference.parse(text)
    except Invalid:
        return None
    return reference if reference.tag or reference.digest else replace(reference, tag="latest")


def _urls(reference: Reference, text: str) -> list[str]:
    """The spellings of a reference that an image's url may have."""
    from bayplan.domain.reference import DOCKER_HUB, DOCKER_HUB_NAMES

    on_hub = reference.registry == DOCKER_HUB
    hosts = ["", *(f"{host}/" for host in sorted(DOCKER_HUB_NAMES))] if on_hub else ["", f"{reference.registry}/"]
    paths = [reference.repository]
    if on_hub and reference.repository.startswith("library/"):
        paths.append(reference.repository.removeprefix("library/"))
    tag = f":{reference.tag}" if reference.tag else ""
    digest = f"@{reference.digest}" if reference.digest else ""
    ends = {tag + digest, digest or tag, tag}
    if reference.tag == "latest":
        ends.add(digest)
    return list(
        dict.fromkeys([text, *(f"{host}{path}{end}" for host in hosts for path in paths for end in sorted(ends))])
    )


def _pinned(reference: Reference) -> Expression:
    """The images whose url has a digest beside what the reference has."""
    if reference.digest is not None:
        return contains("url", f"@{reference.digest}")
    return contains("url", f"{reference.repository.rpartition('/')[2]}:{reference.tag}@")


def _with_reference(
    images: Iterable[ExpandedImageAnswer], text: str, reference: Reference
) -> list[ExpandedImageAnswer]:
    """Those of the images that a reference means; a url that is the very text is enough."""
    meant = [image for image in images if (own := _located(image)) is not None and _is_same(own, reference)]
    return meant or [image for image in images if image["url"] == text]


def _located(image: ExpandedImageAnswer) -> Reference | None:
    from bayplan.domain.reference import located

    try:
        return located(image["url"], image["registry"])
    except Invalid:  # stored before such were refused
        return None


def _is_same(own: Reference, typed: Reference) -> bool:
    if (own.registry, own.repository) != (typed.registry, typed.repository):
        return False
    if typed.digest is not None and own.digest is not None:
        return typed.digest == own.digest
    if typed.digest is not None and typed.tag is None:
        return False
    return (own.tag or (None if own.digest else "latest")) == typed.tag


def _with_digest(catalogue: CatalogueImages, reference: Reference) -> list[ExpandedImageAnswer]:
    """The images of the reference's repository whose inspection has its digest."""
    if reference.digest is None:
        return []
    path = reference.repository.removeprefix("library/")
    images = catalogue.without_credentials(contains("url", path), limit=_DIGESTS_AT_MOST)
    return [
        image
        for image in images
        if (own := _located(image)) is not None
        and (own.registry, own.repository) == (reference.registry, reference.repository)
        and _has_digest(catalogue, image["pk"], reference.digest)
    ]


def _has_digest(catalogue: CatalogueImages, pk: int, digest: str) -> bool:
    try:
        inspection = catalogue.inspection(pk)
    except NotFound:
        return False
    return digest in (inspection["digest"], *(platform["digest"] for platform in inspection["platforms"]))


def similar(catalogue: CatalogueImages, text: str) -> str:
    """The end of a sentence that names the images nearest to a text that names none."""
    near = near_name(catalogue, text)
    return f"; {near}" if near else "; `bayplan images list` lists all images."


def near_name(catalogue: CatalogueImages, text: str) -> str:
    """Gives "did you mean ...?" with the images nearest to a text that names none; an empty text where none is near."""
    from bayplan.domain.names import splits
    from bayplan.domain.nearest import did_you_mean

    last = text.rpartition("/")[2]
    name, version = next(iter(splits(last)), (last, ""))
    grams = {name[at : at + _GRAM] for at in range(max(1, len(name) - _GRAM + 1))}
    of_name: Expression = any_of(*(contains("name", gram, case_insensitive=True) for gram in sorted(grams)))
    of_url: Expression = contains("url", name, case_insensitive=True)
    release = _NUMBERS.search(version)
    narrower = [contains("version", release[0])] if release else []
    images = catalogue.without_credentials(any_of(of_name, of_url), *narrower, limit=SIMILAR_AT_MOST)
    if not images and narrower:
        images = catalogue.without_credentials(any_of(of_name, of_url), limit=SIMILAR_AT_MOST)
    near = did_you_mean(f"{name}:{version}" if version else name, _names(images, with_version=bool(version)))
    return near or did_you_mean(name, _names(images, with_version=False))


def _names(images: Iterable[ExpandedImageAnswer], *, with_version: bool) -> list[str]:
    return sorted({f"{image['name']}:{image['version']}" if with_version else image["name"] for image in images})
