"""An image as a person edits it: references by name, all mistakes at once, and writes whose answer has no password."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
import sqlalchemy as sa

from bayplan.clock import now
from bayplan.db import crud, deletion, tables, validate
from bayplan.db.database import Transaction, fetch_all
from bayplan.db.natural_keys import resolve_in
from bayplan.db.principal import EVERYBODY, Principal
from bayplan.db.projection import expandable, projection
from bayplan.db.resource_types import RESOURCE_TYPES, Kind
from bayplan.domain import uses
from bayplan.domain.facts import STAFF
from bayplan.domain.versions import sort_key
from bayplan.errors import Conflict, Problem
from bayplan.schemas.filters import EVERYTHING
from bayplan.server.context import Context
from bayplan.server.prefetch import queries as prefetch_queries

IMAGES, _RULES = RESOURCE_TYPES["docker"], RESOURCE_TYPES["prefetch"]
_MOST_NAMES = 500
"""The most names of a kind that a form offers."""
Object = dict[str, Any]
Values = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class EditableImage:
    """An image that is not deleted: its fields, with names for what it refers to, and the tag of this revision."""

    fields: Values
    tag: str
    has_password: bool


@dataclass(frozen=True, slots=True)
class CatalogueNames:
    """What the fields of an image can name."""

    cuda: Sequence[str]
    generations: Sequence[str]
    frameworks: Sequence[tuple[str, str]]
    """Each with its version."""
    domains: Sequence[tuple[str, str]]
    """Each with its description."""
    licences: Sequence[str]


async def catalogue_names(context: Context) -> CatalogueNames:
    """Gives the names that a form offers: newest releases first, else by the alphabet."""

    async def names(*columns: sa.ColumnElement[Any]) -> list[Any]:
        return list(await fetch_all(context.db, sa.select(*columns).limit(_MOST_NAMES)))

    hardware, frameworks, domains = tables.hardware.c, tables.frameworks.c, tables.domains.c
    cuda = [row[0] for row in await names(tables.cuda.c.full_version)]
    generations = await names(hardware.generation, hardware.min_compute_capability)
    releases = await names(frameworks.name, frameworks.version)
    releases.sort(key=lambda row: sort_key(row[1]), reverse=True)
    return CatalogueNames(
        sorted(cuda, key=sort_key, reverse=True),
        [row[0] for row in sorted(generations, key=lambda row: row[1])],
        [(row[0], row[1]) for row in sorted(releases, key=lambda row: row[0].casefold())],
        sorted((row[0], row[1] or "") for row in await names(domains.name, domains.description)),
        sorted((row[0] for row in await names(tables.licences.c.name)), key=str.casefold),
    )


async def load_editable(context: Context, pk: int) -> EditableImage:
    """Gives an image with its registry's user name, for staff; raises `NotFound`, and `Conflict` for a deleted one."""
    facts, columns = tables.image_facts, tables.images.c
    of_accelerator = sa.and_(facts.c.image == columns.pk, facts.c.name == "accelerator", facts.c.origin == STAFF)
    statement = (
        sa.select(columns.registry_username, columns.registry_password.is_not(None), columns.revision, facts.c.value)
        .select_from(tables.images.outerjoin(facts, of_accelerator))
        .where(columns.pk == pk)
    )
    # The tag is read before the fields: were they newer than it, a change would only be refused.
    rows = await fetch_all(context.db, statement)
    references = tuple(field.name for field in expandable(IMAGES))
    fields, _ = await crud.load(context.db, projection(IMAGES.name, EVERYBODY, references), pk, context.disclosure())
    username, has_password, revision, accelerator = rows[0]
    crud.check_not_deleted(IMAGES, fields)
    framework = fields["framework"]
    named = {
        "registry_username": username,
        "cuda_version": fields["cuda_version"] and fields["cuda_version"]["full_version"],
        "min_hardware_generation": fields["min_hardware_generation"]
        and fields["min_hardware_generation"]["generation"],
        "framework": f"{framework['name']} {framework['version']}",
        "tasks": list(orjson.loads(orjson.dumps(fields["tasks"]))),
        "licence": fields["licence"] and fields["licence"]["name"],
        "accelerator": accelerator,
    }
    return EditableImage({**fields, **named}, str(revision), bool(has_password))


async def problems_of(context: Context, values: Values, facts: Values, pk: int | None = None) -> list[Problem]:
    """Gives all that the catalogue has against these fields of a new image, or of the one with that key.

    A write ends at the first kind of mistake; who fills in a form corrects all of them at once.
    """
    problems: list[Problem] = []
    async with context.db.write(moves=False) as tx:
        old = None if pk is None else await crud.current_row(tx, IMAGES, pk)
        row = {**(old or dict.fromkeys(tables.images.c.keys())), **values}
        for field in IMAGES.fields:
            if field.kind is Kind.REFERENCE and values.get(field.name) is not None:
                row[field.name], problem = await resolve_in(tx, field, values[field.name])
                problems += [problem] if problem is not None else []
                row[field.name] = row[field.name] or 0  # something is named: that it is unknown is the mistake
        # An image of the registry, where the reference itself is wrong already.
        row["url"], row["registry"] = row["url"] or "image", row["registry"] or "docker.io"
        for error in await validate.image_errors(tx, row, old, facts):
            problems += error.problems
        if row["name"] and row["version"]:
            try:
                await crud.check_unique(tx, IMAGES, row, pk)
            except Conflict as error:
                problems += error.problems
    return problems


async def add(context: Context, principal: Principal, values: Values, *, adds_framework: bool) -> int:
    """Adds an image, with its framework where the catalogue lacks it, both or neither; gives its pk.

    Raises `Invalid` or `Conflict`.
    """
    values = {**values, "creator": principal.user, "creation_time": now()}
    facts = values.pop("facts", {})

    async def work(tx: Transaction) -> int:
        if adds_framework:
            await _add_framework(context, tx, values["framework"])
        return await crud.insert(tx, IMAGES, values, context.keyring, facts=facts)

    return await context.db.write_grouped(work, by=principal)


async def _add_framework(context: Context, tx: Transaction, text: object) -> None:
    """Adds the framework that a text names, "NAME VERSION", unless it is there."""
    (field,) = (field for field in IMAGES.fields if field.name == "framework")
    if not isinstance(text, str) or (await resolve_in(tx, field, text))[0] is not None:
        return
    name, _, version = text.rpartition(" ")
    if name and version:
        await crud.insert(tx, RESOURCE_TYPES["frameworks"], {"name": name, "version": version}, context.keyring)


async def change(context: Context, principal: Principal, pk: int, values: Values, facts: Values, tag: str) -> None:
    """Changes the named fields of an image, and facts that staff enter.

    Raises `NotFound`, `Invalid`, `Conflict`, or `PreconditionFailed` where the image has another tag.
    """

    async def work(tx: Transaction) -> None:
        await crud.change(tx, IMAGES, pk, values, context.keyring, facts=facts, if_match=f'"{tag}"')

    await context.db.write_grouped(work, by=principal)


async def delete(context: Context, principal: Principal, pk: int, tag: str) -> None:
    """Deletes an image softly; raises `NotFound`, `Conflict` or `PreconditionFailed`."""

    async def work(tx: Transaction) -> None:
        await deletion.delete_softly(tx, pk, now(), if_match=f'"{tag}"')

    await context.db.write_grouped(work, by=principal)


async def bring_back(context: Context, principal: Principal, pk: int) -> None:
    """Reinstates a deleted image; raises `NotFound` or `Conflict`."""

    async def work(tx: Transaction) -> None:
        await deletion.reinstate(tx, pk)

    await context.db.write_grouped(work, by=principal)


async def uses_of(context: Context, principal: Principal, version: int, image: Object) -> str:
    """Gives the sentences about what uses an image, whose creator is in place."""
    nodes = (await prefetch_queries.of_image(context, principal, version, image["pk"]))["nodes"]
    chosen = projection(_RULES.name, principal)
    page = await crud.page(context.db, crud.listing(chosen, principal, EVERYTHING), context.disclosure())
    return uses.uses_of_image(image, nodes, orjson.loads(page.body))
