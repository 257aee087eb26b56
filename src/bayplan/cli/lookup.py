"""Looks up the object that a person names: an image by `pytorch:2.4`, `pytorch 2.4`, `17` or what `docker pull` takes, a node
by `10.0.0.7#1` or `3`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from bayplan.cli.image_lookup import images_named, similar
from bayplan.client import Client, exact
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
        case []:
            raise NotFound(f"There is no {'deleted ' if deleted else ''}image {text!r}{similar(client, text)}")
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
    """The node with that key or address. Raises `NotFound`, and `Invalid` where there are several."""
    pk = key(text)
    if pk is not None:
        return client.nodes.get(pk, expand=True)
    ip, _, index = text.rpartition("#") if "#" in text else (text, "", "")
    if index and key(index) is None:
        raise Invalid(f"{text!r} is no node; write its key, or address#index like 10.0.0.7#0.")
    at_index = [exact("index", int(index))] if index else []
    nodes = client.nodes.list(exact("ip", ip), *at_index, expand=True)
    match nodes:
        case [single]:
            return single
        case []:
            raise NotFound(f"There is no node {text!r}; `bayplan nodes list` shows those there are.")
    listed = ", ".join(f"{node['ip']}#{node['index']}" for node in nodes[:NAMED_AT_MOST])
    raise Invalid(f"{text!r} has {len(nodes)} nodes; say which: {listed}.")


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
