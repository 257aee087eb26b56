"""Keeps a tag `bayplan/NAME:VERSION` at images that were pulled by digest: `docker image prune` removes images without a tag.

A tag of that name that somebody else has set is neither moved nor removed; then the image's own tag has a part of its digest too.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

from bayplan.agent.engine import Engine, LocalImage
from bayplan.agent.engine_errors import OF_THE_MACHINE, EngineFailed
from bayplan.domain.reference import Reference

_DIGEST_DIGITS = 12


def keep(engine: Engine, image: LocalImage, reference: Reference, tag: str) -> None:
    """Tags an image that has no tag; raises `EngineFailed`."""
    if not image.tags:
        engine.tag(image, _free_tag(engine, image, reference, tag, is_own=False))


def _free_tag(engine: Engine, image: LocalImage, reference: Reference, tag: str, *, is_own: bool) -> str:
    """Gives the tag, or one with a part of the digest where somebody else's image has it.

    An image of the same repository is an earlier one of the same image of the catalogue, so the tag is taken from it.
    """
    holder = None if is_own or tag in image.tags else engine.find_tag(tag)
    if holder is None or holder.is_of_repository(reference):
        return tag
    return f"{tag}-{str(reference.digest).rpartition(':')[2][:_DIGEST_DIGITS]}"


@dataclass(slots=True)
class ImageTags:
    """The tags that the agent has set in an engine: `recorded` has the reference of each. `save` gets them before one is set."""

    engine: Engine
    recorded: Mapping[str, str]
    save: Callable[[Mapping[str, str]], None]
    log: Callable[[str], None]

    def of_others(self, image: LocalImage, own: Collection[str]) -> tuple[str, ...]:
        """Gives the tags of an image that somebody else has set: neither recorded, be it for another reference, nor `own`."""
        return tuple(tag for tag in image.tags if tag not in own and tag not in self.recorded)

    def set(self, image: LocalImage, reference: Reference, tag: str) -> str | None:
        """Tags an image, and gives the tag; None where the engine refuses. Raises `EngineFailed` where it does not answer."""
        name = str(reference)
        try:
            actual = _free_tag(self.engine, image, reference, tag, is_own=tag in self.recorded)
            if self.recorded.get(actual) != name:
                self._record({**self.recorded, actual: name})
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
        for tag, name in list(self.recorded.items()):
            if not is_stale(tag, name):
                continue
            try:
                holder = self.engine.find_tag(tag)
                if holder is not None and (holder.has(Reference.parse(name)) or not holder.references):
                    self.engine.untag(tag)
            except EngineFailed as error:
                if error.code in OF_THE_MACHINE:
                    raise
                continue  # tried again in the next pass
            self._record({other: reference for other, reference in self.recorded.items() if other != tag})

    def _record(self, tags: Mapping[str, str]) -> None:
        self.save(tags)
        self.recorded = tags
