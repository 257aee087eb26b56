"""The catalogue as one document with natural keys: read out whole, and what an entry of one looks like in the store."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from bayplan.db import tables
from bayplan.db.engine import Rows
from bayplan.db.facts import STAFF
from bayplan.db.keyring import Keyring
from bayplan.db.shapes import SHAPES, Kind, Shape

Fetch = Callable[[sa.Select[Any]], Awaitable[Rows]]
Entry = dict[str, Any]

LOG_IN = ("registry_username", "registry_password")


@dataclass(frozen=True, slots=True)
class Section:
    """A section of the document: its name, its resource, and how its entries are told apart on the screen."""

    name: str
    shape: Shape
    separator: str = " "

    def identity(self, entry: Mapping[str, Any]) -> tuple[Any, ...]:
        """Gives what makes two entries the same object."""
        return tuple(entry[key] for key in self.shape.natural_keys)

    def key(self, entry: Mapping[str, Any]) -> str:
        """Gives an entry's name for people."""
        return self.separator.join(str(part) for part in self.identity(entry))


SECTIONS = (
    Section("frameworks", SHAPES["frameworks"]),
    Section("images", SHAPES["docker"]),
    Section("nodes", SHAPES["nodes"], "#"),
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


async def rows_of(fetch: Fetch, section: Section) -> list[Entry]:
    """Gives the stored rows of a section that are not deleted, by pk; for images with the facts that staff entered."""
    shape = section.shape
    statement = sa.select(shape.table).order_by(shape.column("pk"))
    if shape.soft_delete is not None:
        statement = statement.where(shape.column(shape.soft_delete).is_(None))
    entries = [dict(row._mapping) for row in await fetch(statement)]
    if shape.name == "docker":
        table = tables.image_facts
        facts: dict[int, Entry] = {}
        for row in await fetch(sa.select(table).where(table.c.origin == STAFF).order_by(table.c.image, table.c.name)):
            facts.setdefault(row.image, {})[row.name] = row.value
        for entry in entries:
            entry["facts"] = facts.get(entry["pk"], {})
    return entries


async def export(fetch: Fetch, keyring: Keyring, *, secrets: bool) -> dict[str, list[Entry]]:
    """Gives the whole document; with `secrets` the registries' log-ins too."""
    names = {target: await names_of(fetch, target) for target in _NAMES}
    document = {}
    for section in SECTIONS:
        fields = [field for field in section.shape.fields if not field.server_sets]
        entries = []
        for row in await rows_of(fetch, section):
            entry: Entry = {}
            for field in fields:
                value = row[field.name]
                if value is None or (field.name in LOG_IN and not secrets):
                    continue
                if field.kind is Kind.REFERENCE:
                    value = names[field.target or ""][value]
                elif field.kind is Kind.SECRET:
                    value = keyring.decrypt(value)
                entry[field.name] = value
            if row.get("facts"):
                entry["facts"] = row["facts"]
            entries.append(entry)
        document[section.name] = entries
    return document
