"""The differences between two inspections of an image. Pure."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import orjson

MOST_BYTES = 16 * 1024
"""The most bytes of a list of changes; a longer list has the names of the changed fields alone."""

Change = dict[str, Any]
Platform = Mapping[str, Any]


def changes(old: Iterable[Platform], new: Iterable[Platform]) -> list[Change]:
    """Gives each field that differs, with both values: `platforms`, then facts and sizes; a change of all platforms once.

    Platforms are as inspections have them on the wire.
    """
    before, now = _by_name(old), _by_name(new)
    differences: list[Change] = []
    if list(before) != list(now):
        differences.append({"field": "platforms", "old": list(before), "new": list(now)})
    for name in before:
        if name in now:
            differences += [change for change in _of_platform(before[name], now[name]) if change not in differences]
    if len(orjson.dumps(differences)) <= MOST_BYTES:
        return differences
    return [
        {"field": name, "old": None, "new": None}
        for name in dict.fromkeys(str(change["field"]) for change in differences)
    ]


def _by_name(platforms: Iterable[Platform]) -> dict[str, Platform]:
    named = (
        ("/".join(filter(None, (platform["os"], platform["architecture"], platform["variant"]))), platform)
        for platform in platforms
    )
    return dict(sorted(named, key=lambda pair: pair[0]))


def _of_platform(old: Platform, new: Platform) -> Iterator[Change]:
    old_facts, new_facts = old["facts"], new["facts"]
    for name in sorted({*old_facts, *new_facts}):
        before, now = (facts[name]["value"] if name in facts else None for facts in (old_facts, new_facts))
        if before != now:
            yield {"field": name, "old": before, "new": now}
    for name in ("created", "size_bytes"):
        if old[name] != new[name]:
            yield {"field": name, "old": old[name], "new": new[name]}
