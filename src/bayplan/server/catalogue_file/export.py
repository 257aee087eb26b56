"""The catalogue as one document with natural keys: read out whole, and what an entry of one looks like in the store."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import orjson
import sqlalchemy as sa

from bayplan.db import tables
from bayplan.db.compiled import CompiledStatement, is_one_of, pks_parameter
from bayplan.db.database import LOOP_ROWS, Database, Rows, fetch_all
from bayplan.db.disclosure import Disclosure
from bayplan.db.projection import AS_TEXT, as_json
from bayplan.db.resource_types import RESOURCE_TYPES, Kind, ResourceType
from bayplan.db.stored_values import json_fragment
from bayplan.domain.facts import STAFF

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


async def export(db: Database, disclosure: Disclosure, *, secrets: bool) -> bytes:
    """Gives the whole document as JSON; with `secrets` the registries' credentials too.

    It is read and rendered in parts, between which others get their turn.
    """
    names = {target: await names_of(partial(fetch_all, db), target) for target in _NAMES}
    parts: list[bytes] = []
    for section in SECTIONS:
        parts += [b"{" if section is SECTIONS[0] else b"],", orjson.dumps(section.name), b":["]
        is_first = True
        async for entries in _rendered_parts(db, _SectionReader(section, names, disclosure, secrets)):
            parts += [entries] if is_first else [b",", entries]
            is_first = False
    return b"".join((*parts, b"]}"))  # once: copies of 30 MB hold the event loop


class _SectionReader:
    """The statement for a part of a section, and what makes entries of its rows."""

    def __init__(
        self, section: DocumentSection, names: Mapping[str, Mapping[int, str]], disclosure: Disclosure, secrets: bool
    ) -> None:
        resource_type = section.resource_type
        fields = [
            field for field in resource_type.fields if not field.server_sets and (secrets or field.name not in LOG_IN)
        ]
        self.has_facts = resource_type.name == "docker"
        self._names = [field.name for field in fields]
        self._disclosure = disclosure
        self._secrets = [field.name for field in fields if field.kind is Kind.SECRET]
        self._shown: list[tuple[str, Callable[[Any], Any]]] = []
        for field in fields:
            if field.kind is Kind.REFERENCE:
                self._shown.append((field.name, names[field.target or ""].__getitem__))
            elif field.kind is Kind.BOOLEAN:
                self._shown.append((field.name, bool))
            elif field.kind in AS_TEXT:
                self._shown.append((field.name, as_json))
        pk = resource_type.column("pk")
        columns = [resource_type.column(field.name) for field in fields]
        statement = sa.select(
            pk,
            *(
                sa.type_coerce(column, sa.Text) if field.kind in AS_TEXT else column
                for field, column in zip(fields, columns, strict=True)
            ),
        )
        if resource_type.soft_delete is not None:
            statement = statement.where(resource_type.column(resource_type.soft_delete).is_(None))
        after = sa.bindparam("after", type_=sa.BigInteger)
        self.statement = CompiledStatement(statement.where(pk > after).order_by(pk).limit(LOOP_ROWS))

    def entries(self, rows: Rows, facts: Mapping[int, Entry]) -> list[Entry]:
        """Gives the rows as entries; what is null is left out."""
        names, shown, secrets = self._names, self._shown, self._secrets
        entries = []
        for row in rows:
            entry = {name: value for name, value in zip(names, row[1:], strict=True) if value is not None}
            for name, show in shown:
                if name in entry:
                    entry[name] = show(entry[name])
            for name in secrets:
                if name in entry:
                    entry[name] = self._disclosure.shown_password(row[0], entry[name])
            if LOG_IN[1] in entry and entry[LOG_IN[1]] is None:  # what is not named is left as it is
                for name in LOG_IN:
                    del entry[name]
            if row[0] in facts:
                entry["facts"] = facts[row[0]]
            entries.append(entry)
        return entries


_STAFF_FACTS = CompiledStatement(
    sa.select(
        tables.image_facts.c.image, tables.image_facts.c.name, sa.type_coerce(tables.image_facts.c.value, sa.Text)
    )
    .where(is_one_of(tables.image_facts.c.image), tables.image_facts.c.origin == STAFF)
    .order_by(tables.image_facts.c.image, tables.image_facts.c.name)
)


async def _rendered_parts(db: Database, reader: _SectionReader) -> AsyncGenerator[bytes]:
    """Gives the entries of a section by pk, a part at a time, each as JSON without the brackets of its list."""
    after = 0
    while True:
        rows = await db.fetch(reader.statement, _as_they_are, {"after": after})
        if rows:
            facts = await _staff_facts(db, [row[0] for row in rows]) if reader.has_facts else {}
            yield orjson.dumps(reader.entries(rows, facts))[1:-1]
        if len(rows) < LOOP_ROWS:
            return
        after = rows[-1][0]
        await asyncio.sleep(0)


async def _staff_facts(db: Database, images: Sequence[int]) -> dict[int, Entry]:
    """Gives the facts of these images that staff entered."""

    def by_image(rows: Rows) -> dict[int, Entry]:
        facts: dict[int, Entry] = {}
        for image, name, value in rows:
            facts.setdefault(image, {})[name] = json_fragment(value)
        return facts

    return await db.fetch(_STAFF_FACTS, by_image, pks_parameter(images))


def _as_they_are(rows: Rows) -> Rows:
    return rows
