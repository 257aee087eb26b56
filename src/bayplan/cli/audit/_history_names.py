"""The names of the objects in the history: from the entry itself, else by one list request for each resource."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bayplan.client import any_of, exact

if TYPE_CHECKING:
    from bayplan.client import Client
    from bayplan.client.collection import Collection
    from bayplan.schemas.history import HistoryEntry

Names = Mapping[str, Mapping[int, str]]
"""The names of objects by their resource and key."""

REFERENCES: Mapping[str, str] = {
    "cuda_version": "cuda",
    "min_hardware_generation": "hardware",
    "hardware_generation": "hardware",
    "framework": "frameworks",
    "domain": "domains",
    "licence": "licences",
    "creator": "users",
}
"""The fields whose values are keys, and the resource of what they refer to."""


@dataclass(frozen=True, slots=True)
class NameFields:
    """The fields that make up the name of an object, what joins them, and a noun where the name alone does not tell its kind."""

    fields: tuple[str, ...]
    separator: str = ""
    noun: str = ""


NAME_FIELDS: Mapping[str, NameFields] = {
    "docker": NameFields(("name", "version"), ":"),
    "nodes": NameFields(("ip", "index"), "#"),
    "cuda": NameFields(("full_version",), noun="CUDA "),
    "hardware": NameFields(("generation",), noun="generation "),
    "frameworks": NameFields(("name", "version"), " ", noun="framework "),
    "domains": NameFields(("name",), noun="domain "),
    "licences": NameFields(("name",), noun="licence "),
    "users": NameFields(("username",), noun="user "),
    "prefetch": NameFields(("name",), noun="rule "),
    "workers": NameFields(("name",), noun="worker "),
}

# What workers do themselves: the author of the entry is the object.
_BY_ITSELF = ("join", "report")
# A filter may have 1,000 expressions; beyond this many keys the whole list is read.
_MOST_KEYS = 500


def subject(entry: HistoryEntry, names: Names) -> str:
    """The object of an entry as people call it: "pytorch:2.4", "user casey"; "docker 16" where its name is not known."""
    resource, pk = entry["resource"], entry["pk"]
    if pk is None:
        return resource
    name = _own_name(entry) or names.get(resource, {}).get(pk)
    return key(resource, pk) if name is None else f"{NAME_FIELDS[resource].noun}{name}"


def key(resource: str, pk: int) -> str:
    """What stands for an object without a name: "docker 16"."""
    return f"{resource} {pk}"


def keys_without_name(entries: Sequence[HistoryEntry]) -> dict[str, set[int]]:
    """The keys, by resource, of all objects in the entries that the entries do not name."""
    keys: dict[str, set[int]] = {}
    for entry in entries:
        if entry["pk"] is not None and _own_name(entry) is None:
            keys.setdefault(entry["resource"], set()).add(entry["pk"])
        for field in REFERENCES.keys() & entry["changes"].keys():
            values = entry["changes"][field]
            pks = {pk for pk in (values["before"], values["after"]) if pk is not None}
            keys.setdefault(REFERENCES[field], set()).update(pks)
    return keys


def read_names(client: Client, entries: Sequence[HistoryEntry]) -> Names:
    """Reads the names that the entries lack, those of deleted images too; objects that are gone have none."""
    collections: Mapping[str, Collection[Any, Any]] = {
        "docker": client.images,
        "nodes": client.nodes,
        "cuda": client.cuda,
        "hardware": client.hardware,
        "frameworks": client.frameworks,
        "domains": client.domains,
        "licences": client.licences,
        "users": client.users,
        "prefetch": client.prefetch,
    }
    names: dict[str, dict[int, str]] = {}
    for resource, keys in keys_without_name(entries).items():
        if resource not in collections or not keys:  # workers have no list by key
            continue
        expressions = [any_of(*(exact("pk", pk) for pk in sorted(keys)))] if len(keys) <= _MOST_KEYS else []
        rows = collections[resource].list(*expressions, include_inactive=True)
        names[resource] = {row["pk"]: name for row in rows if (name := _name(resource, row)) is not None}
    return names


def _own_name(entry: HistoryEntry) -> str | None:
    """The name in the fields of the entry; those before where the object was removed."""
    values = {
        field: change["before"] if change["after"] is None else change["after"]
        for field, change in entry["changes"].items()
    }
    name = _name(entry["resource"], values)
    if name is None and entry["resource"] == "workers" and entry["action"] in _BY_ITSELF:
        return entry["user"]
    return name


def _name(resource: str, row: Mapping[str, Any]) -> str | None:
    name_fields = NAME_FIELDS.get(resource)
    if name_fields is None:
        return None
    parts = [row.get(field) for field in name_fields.fields]
    return None if None in parts else name_fields.separator.join(map(str, parts))
