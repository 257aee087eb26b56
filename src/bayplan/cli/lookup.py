"""The images that the words of a command name; `bayplan.client` looks the names up."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from bayplan.client.collection import key
from bayplan.errors import NotFound

if TYPE_CHECKING:
    from bayplan.client import Client
    from bayplan.schemas.docker import ExpandedImageAnswer


def image(client: Client, words: Sequence[str], *, deleted: bool = False) -> ExpandedImageAnswer:
    """The image with that key, name or reference; with `deleted`, a deleted one.

    Raises `NotFound`, which names the nearest images, and `Invalid` where there are several.
    """
    return client.images.named(" ".join(words), deleted=deleted)


def images(client: Client, words: Sequence[str], *, deleted: bool = False) -> list[ExpandedImageAnswer]:
    """The images that the words name: the name and version of one, or each word an image.

    Raises `NotFound` and `Invalid` as `image` does, before anything is done to the first.
    """
    try:
        return [image(client, words, deleted=deleted)]
    except NotFound as error:
        are_keys = [key(word) is not None for word in words]
        if len(words) == 1 or len(set(are_keys)) > 1:  # of "pytorch 4" the 4 is a version, and no key
            raise
        try:
            first = image(client, words[:1], deleted=deleted)
        except NotFound:
            raise error from None
    return [first, *(image(client, [word], deleted=deleted) for word in words[1:])]
