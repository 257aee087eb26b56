"""Keeps a tag `bayplan/NAME:VERSION` at images that were pulled by digest: `docker image prune` removes images without a tag.

A tag of that name that somebody else has set is neither moved nor removed; then the image's own tag has a part of its digest too.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

from bayplan.agent.engine import Engine
from bayplan.agent.engine_errors import OF_THE_MACHINE, EngineFailed
from bayplan.agent.local_image import LocalImage
from bayplan.agent.owned_images import TaggedImage
from bayplan.domain.reference import Reference

_DIGEST_DIGITS = 12


def keep(engine: Engine, image: LocalImage, reference: Reference, tag: str) -> None:
    """Tags an image that has no tag; raises `EngineFailed`."""
    if not image.tags:
        engine.tag(image, _free_tag(engine, image, reference, tag, None))


def _free_tag(engine: Engine, image: LocalImage, reference: Reference, tag: str, recorded: TaggedImage | None) -> str:
    """Gives the tag, or one with a part of the digest where somebody else's image has it.

    An image of the same repository is an earlier one of the same image of the catalogue, so the tag is taken from it.
    """
    holder = None if tag in image.tags else engine.find_tag(tag)
    if holder is None or holder.is_of_repository(reference) or _is_same(holder, recorded):
        return tag
    return f"{tag}-{str(reference.digest).rpartition(':')[2][:_DIGEST_DIGITS]}"


def _is_same(holder: LocalImage, recorded: TaggedImage | None) -> bool:
    """Whether a tag is still at the image that the agent gave it to: references tell less, as they can be removed alone."""
    return recorded is not None and holder.id == recorded.id


@dataclass(slots=True)
class ImageTags:
    """The tags that the agent has set in an engine: `recorded` has the image of each. `save` gets them before one is set."""

    engine: Engine
    recorded: Mapping[str, TaggedImage]
    save: Callable[[Mapping[str, TaggedImage]], None]
    log: Callable[[str], None]

    def of_others(self, image: LocalImage, own: Collection[str]) -> tuple[str, ...]:
        """Gives the tags of an image that somebody else has set: neither recorded, be it for another reference, nor `own`."""
        return tuple(tag for tag in image.tags if tag not in own and tag not in self.recorded)

    def set(self, image: LocalImage, reference: Reference, tag: str) -> str | None:
        """Tags an image, and gives the tag; None where the engine refuses. Raises `EngineFailed` where it does not answer."""
        name = str(reference)
        try:
            actual = _free_tag(self.engine, image, reference, tag, self.recorded.get(tag))
            tagged = TaggedImage(name, image.id)
            if self.recorded.get(actual) != tagged:
                self._record({**self.recorded, actual: tagged})
            if actual not in image.tags:
                self.engine.tag(image, actual)
        except EngineFailed as error:
            if error.code in OF_THE_MACHINE:
                raise
            self.log(f"{name} has no tag, so `docker image prune` removes it: {error.detail}")
            return None
        return actual

    def withdraw(self, is_stale: Callable[[str, str], bool]) -> None:
        """Removes the tags for which `is_stale` is true, by tag and reference; tags that somebody has moved since are left.

        Raises `EngineFailed` where the engine does not answer.
        """
        for tag, tagged in list(self.recorded.items()):
            if not is_stale(tag, tagged.reference):
                continue
            try:
                holder = self.engine.find_tag(tag)
                if holder is not None and _is_same(holder, tagged):
                    self.engine.untag(tag)
            except EngineFailed as error:
                if error.code in OF_THE_MACHINE:
                    raise
                continue  # tried again in the next pass
            self._record({other: image for other, image in self.recorded.items() if other != tag})

    def _record(self, tags: Mapping[str, TaggedImage]) -> None:
        self.save(tags)
        self.recorded = tags
