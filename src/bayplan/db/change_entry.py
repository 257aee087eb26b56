"""What a write leaves in the change log: an object, what was done to it, and its fields before and after; never a secret.

Whoever writes adds entries to the transaction; the transaction stores them with its version, its time and its author.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import orjson

from bayplan.db.resource_types import RESOURCE_TYPES, Kind, ResourceType

Action = Literal[
    "create",
    "change",
    "delete",
    "reinstate",
    "erase",
    "inspect",
    "scan",
    "check",
    "rotate",
    "encrypt",
    "join",
    "report",
    "revoke",
]
FieldChanges = Mapping[str, Sequence[Any]]
"""Fields that changed, each with its value before and after; a reference is a pk."""

WORKERS, SECRETS, SCANS, API_TOKENS = "workers", "secrets", "scans", "tokens"
"""What the log names beside the resources of the API: machines that joined, all registry passwords at once, scans, tokens."""

SET, REPLACED = "(set)", "(changed)"
"""What stands in the log for a secret: that there is one, and that it is another than before."""

# Columns that hold a secret and are no field, and what the log calls them.
_HASHES = {"password_hash": "password"}
REFERENCED = frozenset(
    field.target
    for resource_type in RESOURCE_TYPES.values()
    for field in resource_type.fields
    if field.target is not None
)
"""The resources whose rows others refer to."""


@dataclass(frozen=True, slots=True)
class ChangeEntry:
    """One object, or None for many that are not named, and what was done to it."""

    resource: str
    pk: int | None
    action: Action
    fields: FieldChanges = field(default_factory=dict)


def object_change(
    resource_type: ResourceType,
    pk: int,
    action: Action,
    before: Mapping[str, Any] | None,
    after: Mapping[str, Any] | None,
    also: FieldChanges | None = None,
) -> ChangeEntry:
    """Gives the entry for an object whose row was `before` and is `after`, None where there is none; `also` changed with it."""
    old, new = before or {}, after or {}
    fields: dict[str, Sequence[Any]] = {}
    for each in resource_type.fields:
        if each.name == "pk" or each.name in resource_type.volatile:
            continue
        values = old.get(each.name), new.get(each.name)
        if values[0] != values[1]:
            fields[each.name] = secret_change(*values) if each.kind is Kind.SECRET else values
    for column, name in _HASHES.items():
        hashes = old.get(column) or None, new.get(column) or None  # empty where a user has no password
        if hashes[0] != hashes[1]:
            fields[name] = secret_change(*hashes)
    return ChangeEntry(resource_type.name, pk, action, fields | dict(also or {}))


def secret_change(before: object, after: object) -> Sequence[str | None]:
    """Gives what the log says of a secret that was set, changed or cleared."""
    if before is None or after is None:
        return (None if before is None else SET, None if after is None else SET)
    return (SET, REPLACED)


def rows_of_entries(
    entries: Iterable[ChangeEntry], version: int, time: str, author: str | None
) -> Iterator[dict[str, Any]]:
    """Gives the rows of a version's entries, as parameters of a compiled INSERT."""
    for position, entry in enumerate(entries):
        yield {
            "version": version,
            "position": position,
            "time": time,
            "author": author,
            "resource": entry.resource,
            "object": entry.pk,
            "action": entry.action,
            "fields": orjson.dumps(entry.fields).decode(),
        }
