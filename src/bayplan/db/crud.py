"""Get, list, insert, change and remove objects of any resource. What writes takes a transaction, so that several writes can be one."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
import sqlalchemy as sa

from bayplan.db import image_facts, stored_rows
from bayplan.db.change_entry import Action, object_change
from bayplan.db.compiled import CompiledStatement
from bayplan.db.cursor import Cursor, behind, order_name, parameters
from bayplan.db.database import Database, Rows, Transaction
from bayplan.db.disclosure import Disclosure
from bayplan.db.effects import DERIVED, EFFECTS
from bayplan.db.keyring import Keyring
from bayplan.db.natural_keys import resolve_in
from bayplan.db.principal import Principal
from bayplan.db.projection import Object, Projection
from bayplan.db.query import conjunction, order_terms, where
from bayplan.db.resource_types import Kind, ResourceType, referrers
from bayplan.db.validate import VALIDATIONS
from bayplan.domain.entity_tags import ANY_TAG, tags_in
from bayplan.errors import Conflict, Invalid, NotFound, PreconditionFailed, Problem
from bayplan.schemas.filters import Filter

Values = Mapping[str, Any]
Row = dict[str, Any]
NO_FACTS: Values = {}


@dataclass(frozen=True, slots=True)
class Page:
    """A part of a list: its objects as ready JSON, and how many there are in all where a page was asked for.

    `following` is the cursor of the next page of a list that is not paged by offset, None where there is none.
    """

    body: bytes
    total: int | None
    following: str | None = None


async def load(db: Database, chosen: Projection, pk: int, disclosure: Disclosure) -> tuple[Object, str]:
    """Gives the object with that pk and its entity tag; raises `NotFound`."""
    rows = await db.fetch(chosen.by_pk, _same, {"pk": pk})
    return _single(chosen, rows, pk, disclosure)


async def load_in(tx: Transaction, chosen: Projection, pk: int, disclosure: Disclosure) -> tuple[Object, str]:
    """The same within a transaction: what it has just written."""
    return _single(chosen, await tx.fetch(chosen.by_pk, {"pk": pk}), pk, disclosure)


def _same(rows: Rows) -> Rows:
    return rows


def _single(chosen: Projection, rows: Rows, pk: int, disclosure: Disclosure) -> tuple[Object, str]:
    if not rows:
        raise NotFound(f"No {chosen.resource_type.singular} with pk {pk}.")
    return chosen.objects(rows, disclosure)[0], chosen.tag(rows[0])


@dataclass(frozen=True, slots=True)
class Listing:
    """A list that can be asked for again and again: which objects, in which order, and where its page lies."""

    chosen: Projection
    objects: CompiledStatement
    count: CompiledStatement
    paged: bool
    limit: int | None
    kinds: tuple[Kind, ...]
    order: str


def listing(
    chosen: Projection,
    principal: Principal,
    specification: Filter,
    *,
    limit: int | None = None,
    offset: int = 0,
    after_nulls: Sequence[bool] | None = None,
    only: sa.ColumnElement[bool] | None = None,
) -> Listing:
    """Gives the list of the objects that the filter lets through, in its order; raises `Invalid` for a bad filter.

    With `after_nulls` it is the part behind a cursor with these nulls.
    """
    resource_type = chosen.resource_type
    clauses = where(resource_type, principal, specification)
    condition = conjunction(clauses if only is None else [only, *clauses])
    terms, pk = order_terms(resource_type, principal, specification.order_by), resource_type.column("pk")
    statement = chosen.statement.where(condition).order_by(*(term.directed for term in terms), pk.asc())
    paged = limit is not None or offset > 0 or after_nulls is not None
    count = sa.select(sa.func.count()).select_from(resource_type.table).where(condition)
    if after_nulls is not None:
        statement = statement.where(behind(terms, after_nulls, pk))
    if paged:
        statement = statement.add_columns(*(term.column for term in terms))
        # A scalar of the same statement: one way to the database, and one moment for both.
        statement = statement.add_columns(count.scalar_subquery().correlate(None))
        # One more than the page has: whether another follows.
        statement = statement.offset(offset or None).limit(limit + 1 if limit is not None else 2**62)
    large = specification.is_large
    return Listing(
        chosen,
        CompiledStatement(statement, is_long=large),
        CompiledStatement(count, is_long=large),
        paged,
        limit,
        tuple(term.kind for term in terms),
        order_name(resource_type.name, specification.order_by),
    )


async def page(db: Database, asked: Listing, disclosure: Disclosure, after: Cursor | None = None) -> Page:
    """Gives the objects of a list, those behind the cursor `after`; counts them all where a page is asked for.

    Raises `Invalid` for the cursor of another list.
    """

    def made(rows: Rows) -> Page:
        total = int(rows[0][-1]) if asked.paged and rows else None
        following = None
        if asked.limit is not None and len(rows) > asked.limit:
            rows = rows[: asked.limit]
            values = tuple(rows[-1])[-1 - len(asked.kinds) : -1]
            following = str(Cursor(asked.order, values, rows[-1][0]))
        return Page(orjson.dumps(asked.chosen.objects(rows, disclosure)), total, following)

    result = await db.fetch(asked.objects, made, None if after is None else parameters(after, asked.kinds, asked.order))
    if asked.paged and result.total is None:
        return Page(result.body, await db.fetch(asked.count, lambda rows: int(rows[0][0])))
    return result


async def pks(
    db: Database, resource_type: ResourceType, principal: Principal, specification: Filter, at: str = ""
) -> frozenset[int]:
    """Gives the pks of the objects that the filter lets through."""

    def prepared() -> CompiledStatement:
        condition = conjunction(where(resource_type, principal, specification, at))
        return CompiledStatement(sa.select(resource_type.column("pk")).where(condition), is_long=specification.is_large)

    statement = await asyncio.to_thread(prepared) if specification.is_large else prepared()
    return await db.fetch(statement, lambda rows: frozenset(row[0] for row in rows))


async def insert(
    tx: Transaction,
    resource_type: ResourceType,
    values: Values,
    keyring: Keyring,
    *,
    facts: Values = NO_FACTS,
    resolved: bool = False,
) -> int:
    """Stores a new object and gives its pk; raises `Invalid` or `Conflict`.

    `facts` are staff's, of an image. `resolved`: its references are pks that exist.
    """
    row: Row = {column.name: None for column in resource_type.table.columns if column.name != "pk"}
    row = await _checked(tx, resource_type, row, values, None, facts, resolved)
    row["revision"] = tx.version
    rows = await tx.fetch(stored_rows.addition(resource_type.name), stored_rows.parameters(resource_type, row, keyring))
    pk = int(rows[0][0])
    facts_entered = await image_facts.enter(tx, pk, facts) if facts else {}
    tx.log(object_change(resource_type, pk, "create", None, row, facts_entered))
    return pk


async def change(
    tx: Transaction,
    resource_type: ResourceType,
    pk: int,
    values: Values,
    keyring: Keyring,
    *,
    facts: Values = NO_FACTS,
    if_match: str | None = None,
) -> None:
    """Changes the named fields of an object, and the named `facts` that staff entered about an image.

    Raises `Invalid`, `NotFound`, `Conflict` or `PreconditionFailed`.
    """
    old = await current_row(tx, resource_type, pk, if_match)
    check_not_deleted(resource_type, old)
    row = await _checked(tx, resource_type, old, values, old, facts, resolved=False)
    row["revision"] = tx.version
    stored = stored_rows.parameters(resource_type, row, keyring, old)
    names = tuple(f"{name}" for name in row if row[name] != old[name])
    names += tuple(key for name in names if (key := f"{name}_key") in resource_type.table.c)
    await tx.execute(stored_rows.update(resource_type.name, names), {**stored, "this_pk": pk})
    await _touch_what_shows_it(tx, resource_type, pk)
    if resource_type.name in EFFECTS:
        await EFFECTS[resource_type.name](tx, row, old)
    facts_entered = await image_facts.enter(tx, pk, facts) if facts else {}
    tx.log(object_change(resource_type, pk, "change", old, row, facts_entered))


async def remove(
    tx: Transaction, resource_type: ResourceType, pk: int, *, if_match: str | None = None, action: Action = "delete"
) -> None:
    """Removes an object that nothing refers to; raises `NotFound`, `Conflict` or `PreconditionFailed`."""
    old = await current_row(tx, resource_type, pk, if_match)
    await _check_unused(tx, resource_type, pk)
    await tx.execute(stored_rows.removal(resource_type.name), {"this_pk": pk})
    tx.log(object_change(resource_type, pk, action, old, None))


async def current_row(tx: Transaction, resource_type: ResourceType, pk: int, if_match: str | None = None) -> Row:
    """Gives the stored row, all of it; raises `NotFound`, or `PreconditionFailed` where it is not what `if_match` says."""
    rows = await tx.fetch(stored_rows.by_pk(resource_type.name), {"this_pk": pk})
    if not rows:
        raise NotFound(f"No {resource_type.singular} with pk {pk}.")
    row = stored_rows.row_of(resource_type, rows[0])
    if if_match is not None:
        revisions = {tag.split("-")[0] for tag in tags_in(if_match)}
        if revisions.isdisjoint((ANY_TAG, str(row["revision"]))):
            raise PreconditionFailed(
                f"The {resource_type.singular} with pk {pk} was changed since you loaded it: load it again, then repeat "
                "your change."
            )
    return row


def check_not_deleted(resource_type: ResourceType, row: Row) -> None:
    """Raises `Conflict` for an object that was softly deleted."""
    if resource_type.soft_delete is not None and row[resource_type.soft_delete] is not None:
        raise Conflict(
            f"The {resource_type.singular} with pk {row['pk']} was deleted: reinstate it before you change it "
            f"(DELETE /v1/{resource_type.name}/{row['pk']}/reinstate).",
            code="deleted",
        )


async def check_unique(tx: Transaction, resource_type: ResourceType, row: Row, pk: int | None) -> None:
    """Raises `Conflict` where another object, not deleted, has the same natural key."""
    keys = resource_type.natural_keys
    key_values = {f"new_{key}": row[key] for key in keys}
    rows = await tx.fetch(stored_rows.with_same_key(resource_type.name), {**key_values, "this_pk": pk or 0})
    if rows:
        key_text = " and ".join(f"{key} '{row[key]}'" for key in keys)
        detail = f"A {resource_type.singular} with {key_text} exists already: pk {rows[0][0]}."
        raise Conflict(detail, code="duplicate", problems=[Problem(key, "duplicate", detail) for key in keys])


async def _checked(
    tx: Transaction,
    resource_type: ResourceType,
    row: Row,
    values: Values,
    old: Row | None,
    facts: Values,
    resolved: bool,
) -> Row:
    """The row with these values in it: references are pks, what the server works out is worked out, and all is valid."""
    row = {**row, **values}
    problems: list[Problem] = []
    for field in resource_type.fields:
        if field.kind is Kind.REFERENCE and not (resolved or field.server_sets) and values.get(field.name) is not None:
            row[field.name], problem = await resolve_in(tx, field, values[field.name])
            if problem is not None:
                problems.append(problem)
    if problems:
        raise Invalid(" ".join(p.detail for p in problems), code="unknown_reference", problems=problems)
    if resource_type.name in VALIDATIONS:
        await VALIDATIONS[resource_type.name](tx, row, old, facts)
    if resource_type.name in DERIVED:
        row |= await DERIVED[resource_type.name](tx, row, old, values.keys())
    if old is None or any(row[key] != old[key] for key in resource_type.natural_keys):
        await check_unique(tx, resource_type, row, None if old is None else old["pk"])
    return row


async def _check_unused(tx: Transaction, resource_type: ResourceType, pk: int) -> None:
    uses = []
    for holder, statement in stored_rows.uses(resource_type.name):
        count = (await tx.fetch(statement, {"this_pk": pk}))[0][0]
        if count:
            uses.append(f"{count:,} {holder.singular}{'s' if count > 1 else ''}")
    if uses:
        raise Conflict(
            f"The {resource_type.singular} with pk {pk} is still in use by {' and '.join(uses)}: change or remove those first.",
            code="in_use",
        )


async def _touch_what_shows_it(tx: Transaction, resource_type: ResourceType, pk: int) -> None:
    """Moves the revision of every object whose own answer shows a field of this one."""
    for holder, field in referrers(resource_type.name):
        if field.shown_as is not None:
            await tx.execute(sa.update(holder.table).where(holder.column(field.name) == pk).values(revision=tx.version))
