"""Looks up the object that a person names: an image by `pytorch:2.4`, `pytorch 2.4`, `17` or what `docker pull` takes, a node
by `10.0.0.7#1`, `gpu07#1` or `3`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from bayplan.cli import node_lookup
from bayplan.cli.image_lookup import images_named, reference_of, similar
from bayplan.client import Client, exact
from bayplan.domain.nearest import did_you_mean
from bayplan.errors import Invalid, NotFound

if TYPE_CHECKING:
    from bayplan.schemas.docker import ExpandedImageAnswer
    from bayplan.schemas.match import MatchAnswer
    from bayplan.schemas.nodes import ExpandedNodeAnswer
    from bayplan.schemas.prefetch import ExpandedPrefetchRuleAnswer

NAMED_AT_MOST = 8
_MOST_DIGITS = 19
NO_SUCH = frozenset(("no_such_task", "no_such_domain", "no_such_framework"))
"""The codes of a match's summary for names that no image has."""


def key(text: str) -> int | None:
    """The key that the text is, None for a name."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= _MOST_DIGITS else None


def image(client: Client, words: Sequence[str], *, deleted: bool = False) -> ExpandedImageAnswer:
    """The image with that key, name or reference; with `deleted`, a deleted one.

    Raises `NotFound`, which names the nearest images, and `Invalid` where there are several.
    """
    text = " ".join(words).strip()
    pk = key(text)
    if pk is not None:
        return client.images.get(pk, expand=True)
    images = images_named(client, text, deleted=deleted)
    match images:
        case [single]:
            return single
        case [] if deleted:
            raise NotFound(
                f"There is no deleted image {text!r}; `bayplan images list --deleted` shows those there are."
            )
        case []:
            in_registry = f" `bayplan check {text}` asks its registry." if "/" in text and reference_of(text) else ""
            raise NotFound(f"There is no image {text!r}{similar(client, text)}{in_registry}")
    one_name = len({image["name"] for image in images}) == 1
    listed = ", ".join(
        f"{image['version'] if one_name else image['name'] + ':' + image['version']} ({image['pk']})"
        for image in images[:NAMED_AT_MOST]
    )
    more = " and more" if len(images) > NAMED_AT_MOST else ""
    which = "version" if one_name else "name"
    raise Invalid(f"{text!r} may be any of {len(images)} images; say which {which} (or key): {listed}{more}.")


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


def node(client: Client, text: str) -> ExpandedNodeAnswer:
    """The node with that key, address or name of its machine; the first part of a name will do.

    Raises `NotFound`, which names the nearest machines, and `Invalid` where there are several.
    """
    pk = key(text)
    if pk is not None:
        return client.nodes.get(pk, expand=True)
    name, _, index = text.rpartition("#") if "#" in text else (text, "", "")
    if index and key(index) is None:
        raise Invalid(f"{text!r} is no node; write its key, or its machine and index like 10.0.0.7#0 or gpu07#0.")
    nodes = node_lookup.nodes_named(client, name, None if not index else int(index))
    match nodes:
        case [single]:
            return single
        case []:
            raise NotFound(f"There is no node {text!r}{node_lookup.similar(client, name)}")
    raise node_lookup.several(text, nodes)


def generation(client: Client, text: str) -> str:
    """The name of the generation of GPUs that a text names. Raises `NotFound`, which names the nearest ones."""
    names = [generation["generation"] for generation in client.hardware.list()]
    if text.strip().casefold() in (name.casefold() for name in names):
        return text.strip()
    near = did_you_mean(text, names)
    raise NotFound(f"There is no generation {text!r}; {near or '`bayplan list hardware` shows those there are.'}")


def prefetch_rule(client: Client, text: str) -> ExpandedPrefetchRuleAnswer:
    """The prefetch rule with that key or name. Raises `NotFound`."""
    pk = key(text)
    if pk is not None:
        return client.prefetch.get(pk, expand=True)
    rules = client.prefetch.list(exact("name", text), expand=True)
    if not rules:
        raise NotFound(f"There is no rule {text!r}; `bayplan prefetch list` shows those there are.")
    return rules[0]


def require_names(answer: MatchAnswer) -> None:
    """Raises `NotFound` where a match considered no image because of a task, domain or framework that no image has."""
    lines = [line for line in answer["summary"] if line["code"] in NO_SUCH]
    if not answer["considered"] and lines:
        raise NotFound(" ".join(dict.fromkeys(line["remedy"] or "" for line in lines)))
