"""Applying a document as a principal, and the catalogue as one."""

import asyncio
from typing import Any

from bayplan.db.disclosure import Disclosure
from bayplan.db.principal import Principal
from bayplan.db.seed import reference_rows
from bayplan.errors import Forbidden
from bayplan.schemas.catalogue import Document
from bayplan.server.auth.passwords import NO_PASSWORD
from bayplan.server.catalogue_file.apply import DocumentEntry, apply
from bayplan.server.catalogue_file.export import export
from bayplan.server.catalogue_file.sections import SECTIONS, SectionRules
from bayplan.server.context import Context
from bayplan.server.resources import RESOURCES

Object = dict[str, Any]
_RESOURCES = {resource.name: resource for resource in RESOURCES}
_NEW_USERS = {"password_hash": NO_PASSWORD}


async def apply_document(
    context: Context, principal: Principal, document: Document, *, prune: bool, dry_run: bool, if_version: str | None
) -> Object:
    """Gives what changed, or would.

    Raises `Invalid` or `Conflict` with every problem, `PreconditionFailed`, and by a token for programs `Forbidden` for users, or
    `TooManyAttempts` for credentials that differ too often.
    """
    if document.users is not None and principal.token is not None:
        raise Forbidden(
            "A token for programs changes no users: log in to apply the section 'users', or leave it out.",
            code="users_by_token",
        )
    shipped = await asyncio.to_thread(reference_rows, context.settings.tables)
    rules = {}
    for section in SECTIONS:
        resource = _RESOURCES[section.resource_type.name]
        born = resource.born(principal) | (_NEW_USERS if section.name == "users" else {})
        rules[section.name] = SectionRules(born, resource.prepare, resource.remove, shipped.get(section.name, ()))
    result = await apply(
        context.db,
        await asyncio.to_thread(_entries, document),
        context.keyring,
        rules,
        prune=prune,
        dry_run=dry_run,
        if_version=if_version,
        by=principal,
        differing_credentials=context.differing_credentials,
    )
    return {
        "changes": result.changes,
        "unchanged": result.unchanged,
        "applied": result.applied,
        "version": str(result.version),
    }


async def export_document(context: Context, principal: Principal, disclosure: Disclosure, *, secrets: bool) -> bytes:
    """Gives the catalogue as a document in JSON; with `secrets` the registries' credentials too.

    By a program's token it is without users, which the token neither sees whole nor may apply.
    """
    shipped = await asyncio.to_thread(reference_rows, context.settings.tables)
    without = () if principal.token is None else ("users",)
    return await export(context.db, disclosure, shipped, secrets=secrets, without=without)


def _entries(document: Document) -> dict[str, list[DocumentEntry]]:
    entries = {}
    for section in SECTIONS:
        bodies: Any = getattr(document, section.name)
        if bodies is not None:
            entries[section.name] = [_entry(body) for body in bodies]
    return entries


def _entry(body: Any) -> DocumentEntry:
    return DocumentEntry(body.values(), frozenset(body.model_fields_set))
