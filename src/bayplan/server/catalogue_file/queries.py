"""Applying a document as a principal, and the catalogue as one."""

import asyncio
from typing import Any

from bayplan.clock import now
from bayplan.db.disclosure import Disclosure
from bayplan.db.principal import Principal
from bayplan.schemas.catalogue import Document
from bayplan.server.catalogue_file.apply import DocumentEntry, ServerColumns, apply
from bayplan.server.catalogue_file.export import SECTIONS, export
from bayplan.server.context import Context
from bayplan.server.resources import RESOURCES

Object = dict[str, Any]
_BORN = {resource.name: resource.born for resource in RESOURCES}


async def apply_document(
    context: Context, principal: Principal, document: Document, *, prune: bool, dry_run: bool, if_version: str | None
) -> Object:
    """Gives what changed, or would. Raises `Invalid` or `Conflict` with every problem, or `PreconditionFailed`."""
    columns = {section.name: _BORN[section.resource_type.name](principal) for section in SECTIONS}
    result = await apply(
        context.db,
        await asyncio.to_thread(_entries, document),
        context.keyring,
        ServerColumns(columns, now()),
        prune=prune,
        dry_run=dry_run,
        if_version=if_version,
        by=principal,
    )
    return {
        "changes": result.changes,
        "unchanged": result.unchanged,
        "applied": result.applied,
        "version": str(result.version),
    }


async def export_document(context: Context, disclosure: Disclosure, *, secrets: bool) -> bytes:
    """Gives the catalogue as a document in JSON; with `secrets` the registries' credentials too."""
    return await export(context.db, disclosure, secrets=secrets)


def _entries(document: Document) -> dict[str, list[DocumentEntry]]:
    entries = {}
    for section in SECTIONS:
        bodies: Any = getattr(document, section.name)
        if bodies is not None:
            entries[section.name] = [_entry(body) for body in bodies]
    return entries


def _entry(body: Any) -> DocumentEntry:
    return DocumentEntry(body.values(), frozenset(body.model_fields_set))
