"""The names of the objects in the history that the entries do not name: by one list request for each resource."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from bayplan.client import any_of, exact
from bayplan.exports.history_words import keys_without_name, name_of

if TYPE_CHECKING:
    from bayplan.client import Client
    from bayplan.exports.history_words import Names
    from bayplan.schemas.history import HistoryEntry

# A filter may have 1,000 expressions; beyond this many keys the whole list is read.
_MOST_KEYS = 500


def read_names(client: Client, entries: Sequence[HistoryEntry]) -> Names:
    """Reads the names that the entries lack, those of deleted images too; objects that are gone have none."""
    lists: Mapping[str, Callable[..., Sequence[Any]]] = {
        "docker": client.images.without_credentials,  # it leaves no entry in the audit log
        "nodes": client.nodes.list,
        "cuda": client.cuda.list,
        "hardware": client.hardware.list,
        "frameworks": client.frameworks.list,
        "domains": client.domains.list,
        "licences": client.licences.list,
        "users": client.users.list,
        "prefetch": client.prefetch.list,
    }
    names: dict[str, dict[int, str]] = {}
    for resource, keys in keys_without_name(entries).items():
        if resource not in lists or not keys:  # workers have no list by key
            continue
        expressions = [any_of(*(exact("pk", pk) for pk in sorted(keys)))] if len(keys) <= _MOST_KEYS else []
        rows = lists[resource](*expressions, include_inactive=True)
        names[resource] = {row["pk"]: name for row in rows if (name := name_of(resource, row)) is not None}
    return names
