"""From what people type to the object that they mean: `pytorch:2.4`, `pytorch 2.4`, `17`; `10.0.0.7#1`, `3`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from bayplan.client import Client, any_of, both, exact
from bayplan.errors import Invalid, NotFound

if TYPE_CHECKING:
    from bayplan.schemas.docker import ExpandedImageAnswer
    from bayplan.schemas.nodes import ExpandedNodeAnswer
    from bayplan.schemas.prefetch import ExpandedPrefetchRuleAnswer

NAMED_AT_MOST = 8


def image(client: Client, typed: Sequence[str], *, deleted: bool = False) -> ExpandedImageAnswer:
    """The one image that is meant; among the deleted ones with `deleted`. Raises `NotFound` and `Invalid`."""
    text = " ".join(typed).strip()
    if text.isdigit():
        return client.images.get(int(text), expand=True)
    named = [both(exact("name", name), exact("version", version)) for name, version in splits(text)]
    found = client.images.list(any_of(exact("name", text), *named), include_inactive=deleted, expand=True)
    if deleted:
        found = [one for one in found if one["deletion_time"] is not None]
    match found:
        case [one]:
            return one
        case []:
            raise NotFound(f"There is no {'deleted ' if deleted else ''}image {text!r}{_like(client, text)}.")
    listed = ", ".join(f"{one['version']} ({one['pk']})" for one in found[:NAMED_AT_MOST])
    more = " and more" if len(found) > NAMED_AT_MOST else ""
    raise Invalid(f"{text!r} may be any of {len(found)} images; say which version (or key): {listed}{more}.")


def node(client: Client, text: str) -> ExpandedNodeAnswer:
    """The one node that is meant. Raises `NotFound` and `Invalid`."""
    if text.isdigit():
        return client.nodes.get(int(text), expand=True)
    ip, _, index = text.rpartition("#") if "#" in text else (text, "", "")
    if index and not index.isdigit():
        raise Invalid(f"{text!r} is no node; write its key, or address#index like 10.0.0.7#0.")
    at_index = [exact("index", int(index))] if index else []
    found = client.nodes.list(exact("ip", ip), *at_index, expand=True)
    match found:
        case [one]:
            return one
        case []:
            raise NotFound(f"There is no node {text!r}; `bayplan nodes list` shows those there are.")
    listed = ", ".join(f"{one['ip']}#{one['index']}" for one in found[:NAMED_AT_MOST])
    raise Invalid(f"{text!r} has {len(found)} nodes; say which: {listed}.")


def prefetch_rule(client: Client, text: str) -> ExpandedPrefetchRuleAnswer:
    """The rule of that key or name. Raises `NotFound`."""
    if text.isdecimal():
        return client.prefetch.get(int(text), expand=True)
    found = client.prefetch.list(exact("name", text), expand=True)
    if not found:
        raise NotFound(f"There is no rule {text!r}; `bayplan prefetch list` shows those there are.")
    return found[0]


def splits(text: str) -> list[tuple[str, str]]:
    """Every way to read a name and a version out of the text."""
    cuts = [at for at, letter in enumerate(text) if letter in ": "]
    return [(text[:at].strip(), text[at + 1 :].strip()) for at in cuts if text[:at].strip() and text[at + 1 :].strip()]


def _like(client: Client, text: str) -> str:
    """A few images with the same name, to go on from."""
    names = [exact("name", name, case_insensitive=True) for name in {name for name, _ in splits(text)} | {text}]
    near = client.images.list(any_of(*names), limit=NAMED_AT_MOST)
    if not near:
        return "; `bayplan images list` shows those there are"
    return "; there are " + ", ".join(f"{one['name']} {one['version']}" for one in near)
