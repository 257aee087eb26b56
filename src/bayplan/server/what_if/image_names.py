"""The images that people name: by key, name and version, name alone, or reference."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import cached_property

import orjson

from bayplan.domain.names import composed, splits
from bayplan.domain.nearest import did_you_mean
from bayplan.domain.reference import Reference, located
from bayplan.errors import Invalid
from bayplan.server.matching.queries import CatalogueSnapshot
from bayplan.server.snapshot import ImageSnapshot

_NAMED_AT_MOST = 8


class ImageNames:
    """The names of the images of a catalogue that are not deleted."""

    def __init__(self, catalogue: CatalogueSnapshot, images: ImageSnapshot) -> None:
        self._order, self._images = catalogue.index.order, images

    def named(self, text: str) -> int:
        """Gives the key of the image; raises `Invalid`, which names the nearest images, or all that the text may mean."""
        if text.isascii() and text.isdigit() and self._order.place(int(text[:19])) is not None:
            return int(text[:19])
        pks = self._of_name.get(composed(text)) or [
            pk for name, version in splits(text) for pk in self._versions.get((composed(name), composed(version)), ())
        ]
        pks = list(dict.fromkeys(pks or self._of_reference(text)))
        if len(pks) == 1:
            return pks[0]
        if pks:
            listed = ", ".join(f"{self._labels[pk]} ({pk})" for pk in pks[:_NAMED_AT_MOST])
            more = " and more" if len(pks) > _NAMED_AT_MOST else ""
            raise Invalid(f"{text!r} may be any of {len(pks)} images; write which, or its key: {listed}{more}.")
        near = did_you_mean(text.rpartition("/")[2], sorted(self._labels.values()))
        near = near or did_you_mean(text.rpartition("/")[2], sorted(self._of_name))
        raise Invalid(f"There is no image {text!r}; {near or 'the page of images lists all.'}")

    @cached_property
    def _labels(self) -> Mapping[int, str]:
        return {pk: f"{name}:{version}" for _, _, pk, _, (name, version) in self._order.entries}

    @cached_property
    def _of_name(self) -> Mapping[str, list[int]]:
        pks: dict[str, list[int]] = {}
        for _, _, pk, _, (name, _version) in self._order.entries:
            pks.setdefault(name, []).append(pk)
        return pks

    @cached_property
    def _versions(self) -> Mapping[tuple[str, str], list[int]]:
        pks: dict[tuple[str, str], list[int]] = {}
        for _, _, pk, _, pair in self._order.entries:
            pks.setdefault(pair, []).append(pk)
        return pks

    def _of_reference(self, text: str) -> Iterator[int]:
        """The images with that reference; where it has neither tag nor digest, with the tag `latest`."""
        typed = _located(text.removeprefix("https://").removeprefix("docker://"), "docker.io")
        if typed is None:
            return
        last = typed.repository.rpartition("/")[2].encode()
        for pk in self._labels:
            image = self._images.get(pk)
            if image is None or last not in image.json:
                continue
            fields = orjson.loads(image.json)
            own = _located(fields["url"], fields["registry"])
            if own is not None and _is_same(own, typed):
                yield pk


def _located(url: str, registry: str) -> Reference | None:
    try:
        reference = located(url, registry)
    except Invalid:
        return None
    return reference if reference.tag or reference.digest else replace(reference, tag="latest")


def _is_same(own: Reference, typed: Reference) -> bool:
    if (own.registry, own.repository) != (typed.registry, typed.repository):
        return False
    if own.digest is not None and typed.digest is not None:
        return own.digest == typed.digest
    return own.tag is not None and own.tag == typed.tag
