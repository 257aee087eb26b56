"""The catalogue as one document with natural keys: read out whole, and what an entry of one looks like in the store."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from bayplan.db import tables
from bayplan.db.database import Rows
from bayplan.db.disclosure import Disclosure
from bayplan.db.resource_types import RESOURCE_TYPES, Field, Kind, ResourceType
from bayplan.server.images.facts_store import STAFF

Fetch = Callable[[sa.Select[Any]], Awaitable[Rows]]
Entry = dict[str, Any]

_ROWS_AT_ONCE = 500
LOG_IN = ("registry_username", "registry_password")


@dataclass(frozen=True, slots=True)
class DocumentSection:
    """A section of the document: its name, its resource, and how its entries are told apart on the screen."""

    name: str
    resource_type: ResourceType
    separator: str = " "

    def identity(self, entry: Mapping[str, Any]) -> tuple[Any, ...]:
        """Gives what makes two entries the same object."""
        return tuple(entry[key] for key in self.resource_type.natural_keys)

    def key(self, entry: Mapping[str, Any]) -> str:
        """Gives an entry's name for people."""
        return self.separator.join(str(part) for part in self.identity(entry))


SECTIONS = (
    DocumentSection("frameworks", RESOURCE_TYPES["frameworks"]),
    DocumentSection("images", RESOURCE_TYPES["docker"]),
    DocumentSection("nodes", RESOURCE_TYPES["nodes"], "#"),
)

# What a reference is called in a document.
_NAMES: Mapping[str, sa.Select[Any]] = {
    "cuda": sa.select(tables.cuda.c.pk, tables.cuda.c.full_version.label("name")),
    "hardware": sa.select(tables.hardware.c.pk, tables.hardware.c.generation.label("name")),
    "frameworks": sa.select(
        tables.frameworks.c.pk, (tables.frameworks.c.name + " " + tables.frameworks.c.version).label("name")
    ),
    "domains": sa.select(tables.domains.c.pk, tables.domains.c.name.label("name")),
    "licences": sa.select(tables.licences.c.pk, tables.licences.c.name.label("name"), tables.licences.c.aliases),
}


async def names_of(fetch: Fetch, target: str) -> dict[int, str]:
    """Gives what each row of a resource is called in a document: a licence by its SPDX id where that means no other."""
    rows = await fetch(_NAMES[target])
    names = {row.pk: row.name for row in rows}
    if target == "licences":
        taken = set(names.values())
        names |= {row.pk: row.aliases[0] for row in rows if row.aliases and row.aliases[0] not in taken}
    return names


async def rows_of(fetch: Fetch, section: DocumentSection) -> list[Entry]:
    """Gives the stored rows of a section that are not deleted, by pk; for images with the facts that staff entered."""
    resource_type = section.resource_type
    pk = resource_type.column("pk")
    statement = sa.select(resource_type.table).order_by(pk).limit(_ROWS_AT_ONCE)
    if resource_type.soft_delete is not None:
        statement = statement.where(resource_type.column(resource_type.soft_delete).is_(None))
    entries: list[Entry] = []
    while True:
        rows = await fetch(statement.where(pk > entries[-1]["pk"]) if entries else statement)
        entries += [dict(row._mapping) for row in rows]
        if len(rows) < _ROWS_AT_ONCE:
            break
        # Many rows let other requests in between.
        await asyncio.sleep(0)
    if resource_type.name == "docker":
        table = tables.image_facts
        facts: dict[int, Entry] = {}
        for row in await fetch(sa.select(table).where(table.c.origin == STAFF).order_by(table.c.image, table.c.name)):
            facts.setdefault(row.image, {})[row.name] = row.value
        for entry in entries:
            entry["facts"] = facts.get(entry["pk"], {})
    return entries


async def export(fetch: Fetch, disclosure: Disclosure, *, secrets: bool) -> dict[str, list[Entry]]:
    """Gives the whole document; with `secrets` the registries' log-ins too."""
    names = {target: await names_of(fetch, target) for target in _NAMES}

    def written(section: DocumentSection, rows: list[Entry]) -> list[Entry]:
        fields = [
            field
            for field in section.resource_type.fields
            if not field.server_sets and (secrets or field.name not in LOG_IN)
        ]
        return [_entry(row, fields, names, disclosure) for row in rows]

    return {
        section.name: await asyncio.to_thread(written, section, await rows_of(fetch, section)) for section in SECTIONS
    }


def _entry(
    row: Entry, fields: Sequence[Field], names: Mapping[str, Mapping[int, str]], disclosure: Disclosure
) -> Entry:
    entry: Entry = {}
    for field in fields:
        value = row[field.name]
        if value is None:
            continue
        if field.kind is Kind.REFERENCE:
            value = names[field.target or ""][value]
        elif field.kind is Kind.SECRET:
            value = disclosure.password(row["pk"], value)
        entry[field.name] = value
    if row.get("facts"):
        entry["facts"] = row["facts"]
    return entry
