"""What an image says otherwise than the one that was there before it: pure, from two inspections."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import orjson

MOST_BYTES = 16 * 1024
"""Of a list of changes; beyond that only the names of what changed are told."""

Change = dict[str, Any]
Platform = Mapping[str, Any]


def changes(old: Iterable[Platform], new: Iterable[Platform]) -> list[Change]:
    """Gives each field that differs, with both values: `platforms`, then facts and sizes; what all platforms share is told once.

    Platforms are as inspections have them on the wire.
    """
    before, now = _by_name(old), _by_name(new)
    found = []
    if list(before) != list(now):
        found.append({"field": "platforms", "old": list(before), "new": list(now)})
    for name in before:
        if name in now:
            found += [change for change in _of_platform(before[name], now[name]) if change not in found]
    if len(orjson.dumps(found)) <= MOST_BYTES:
        return found
    return [{"field": name, "old": None, "new": None} for name in dict.fromkeys(str(one["field"]) for one in found)]


def _by_name(platforms: Iterable[Platform]) -> dict[str, Platform]:
    named = (("/".join(filter(None, (one["os"], one["architecture"], one["variant"]))), one) for one in platforms)
    return dict(sorted(named, key=lambda pair: pair[0]))


def _of_platform(old: Platform, new: Platform) -> Iterator[Change]:
    said, says = old["facts"], new["facts"]
    for name in sorted({*said, *says}):
        before, now = (facts[name]["value"] if name in facts else None for facts in (said, says))
        if before != now:
            yield {"field": name, "old": before, "new": now}
    for name in ("created", "size_bytes"):
        if old[name] != new[name]:
            yield {"field": name, "old": old[name], "new": new[name]}
