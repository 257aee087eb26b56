"""The catalogue as one document with natural keys: read out whole, and what an entry of one looks like in the store."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Collection, Mapping, Sequence
from functools import partial
from typing import Any

import orjson
import sqlalchemy as sa

from bayplan.db import tables
from bayplan.db.compiled import CompiledStatement, is_one_of, pks_parameter
from bayplan.db.database import LOOP_ROWS, Database, Rows, fetch_all
from bayplan.db.disclosure import Disclosure
from bayplan.db.projection import AS_TEXT, as_json
from bayplan.db.resource_types import Kind
from bayplan.db.stored_values import json_fragment
from bayplan.domain.facts import STAFF
from bayplan.server.catalogue_file.sections import NAMES, SECTIONS, DocumentSection, Entry, Fetch, names_of

_ROWS_AT_ONCE = 500
LOG_IN = ("registry_username", "registry_password")


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


async def export(
    db: Database,
    disclosure: Disclosure,
    shipped: Mapping[str, Sequence[Entry]],
    *,
    secrets: bool,
    without: Collection[str] = (),
) -> bytes:
    """Gives the document as JSON, `without` some sections; with `secrets` the registries' credentials too.

    Rows that bayplan ships are left out where they are as `shipped`. It is read and rendered in parts, between which others
    get their turn.
    """
    names = {target: await names_of(partial(fetch_all, db), target) for target in NAMES}
    sections = [section for section in SECTIONS if section.name not in without]
    parts: list[bytes] = []
    for section in sections:
        parts += [b"{" if section is sections[0] else b"],", orjson.dumps(section.name), b":["]
        if section.by_name:
            parts.append(orjson.dumps(await _entries_by_name(db, section, shipped.get(section.name, ())))[1:-1])
            continue
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
        self.is_of_images = resource_type.name == "docker"
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

    def entries(self, rows: Rows, beside: Mapping[int, Entry]) -> list[Entry]:
        """Gives the rows as entries, by pk with what is `beside` their fields; what is null is left out."""
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
            if row[0] in beside:
                entry |= beside[row[0]]
            entries.append(entry)
        return entries


_STAFF_FACTS = CompiledStatement(
    sa.select(
        tables.image_facts.c.image, tables.image_facts.c.name, sa.type_coerce(tables.image_facts.c.value, sa.Text)
    )
    .where(is_one_of(tables.image_facts.c.image), tables.image_facts.c.origin == STAFF)
    .order_by(tables.image_facts.c.image, tables.image_facts.c.name)
)

_SUCCESSORS = tables.images.alias()
_DEPRECATIONS = CompiledStatement(
    sa.select(
        tables.lifecycles.c.image,
        tables.lifecycles.c.since,
        tables.lifecycles.c.why,
        _SUCCESSORS.c.name + ":" + _SUCCESSORS.c.version,
    )
    .select_from(tables.lifecycles.outerjoin(_SUCCESSORS, _SUCCESSORS.c.pk == tables.lifecycles.c.successor))
    .where(is_one_of(tables.lifecycles.c.image))
)


async def _rendered_parts(db: Database, reader: _SectionReader) -> AsyncGenerator[bytes]:
    """Gives the entries of a section by pk, a part at a time, each as JSON without the brackets of its list."""
    after = 0
    while True:
        rows = await db.fetch(reader.statement, _as_they_are, {"after": after})
        if rows:
            beside = await _beside_fields(db, [row[0] for row in rows]) if reader.is_of_images else {}
            yield orjson.dumps(reader.entries(rows, beside))[1:-1]
        if len(rows) < LOOP_ROWS:
            return
        after = rows[-1][0]
        await asyncio.sleep(0)


async def _entries_by_name(db: Database, section: DocumentSection, shipped: Sequence[Entry]) -> list[Entry]:
    """Gives the entries of a section by their natural key, without those that are as bayplan ships them."""
    fields = [field for field in section.resource_type.fields if not field.server_sets]
    as_shipped = {section.identity(entry): entry for entry in shipped}
    entries = []
    for row in await rows_of(partial(fetch_all, db), section):
        values = {
            field.name: bool(row[field.name]) if field.kind is Kind.BOOLEAN else row[field.name] for field in fields
        }
        known = as_shipped.get(section.identity(row))
        if known is None or any(values[name] != known[name] for name in values):
            entries.append({name: value for name, value in values.items() if value is not None})
    return sorted(entries, key=section.order)


async def _beside_fields(db: Database, images: Sequence[int]) -> dict[int, Entry]:
    """Gives the facts of these images that staff entered, and the lifecycles of those that are deprecated."""
    beside: dict[int, Entry] = {}
    for image, name, value in await db.fetch(_STAFF_FACTS, _as_they_are, pks_parameter(images)):
        beside.setdefault(image, {"facts": {}})["facts"][name] = json_fragment(value)
    for image, *fields in await db.fetch(_DEPRECATIONS, _as_they_are, pks_parameter(images)):
        values = zip(("since", "why", "successor"), fields, strict=True)
        lifecycle = {"deprecated": True} | {name: value for name, value in values if value is not None}
        beside.setdefault(image, {})["lifecycle"] = lifecycle
    return beside


def _as_they_are(rows: Rows) -> Rows:
    return rows
