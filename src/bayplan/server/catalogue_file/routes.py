"""The whole catalogue at once: applying a document to it, and reading it out as one."""

import asyncio
from functools import partial
from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from bayplan.clock import now
from bayplan.db.database import fetch_all
from bayplan.schemas.catalogue import Document, PlanAnswer
from bayplan.server.catalogue_file.apply import DocumentEntry, ServerColumns, apply
from bayplan.server.catalogue_file.export import SECTIONS, export
from bayplan.server.context import Context
from bayplan.server.http.openapi import IF_MATCH, action, reference
from bayplan.server.http.parsing import flag, query
from bayplan.server.http.resources import RESOURCES
from bayplan.server.http.responses import Json

_BORN = {resource.name: resource.born for resource in RESOURCES}
# A document holds a whole catalogue, and only staff may send one: it may be so many times larger than other bodies.
_DOCUMENT_TIMES = 8
_FLAG = {"type": "boolean", "default": False}


def catalogue_router(context: Context) -> APIRouter:
    """Gives the routes under `/v1/catalogue`."""
    router = APIRouter(prefix="/v1/catalogue", tags=["catalogue"])

    async def apply_document(request: Request) -> Response:
        principal = await context.principal(request)
        principal.require_staff()
        given = query(request, "dry_run", "prune")
        dry_run, prune = flag(given, "dry_run"), flag(given, "prune")
        document = await context.read(request, principal, Document, _DOCUMENT_TIMES * context.settings.max_body_bytes)
        columns = {section.name: _BORN[section.resource_type.name](principal) for section in SECTIONS}
        outcome = await apply(
            context.db,
            await asyncio.to_thread(_entries, document),
            context.keyring,
            ServerColumns(columns, now()),
            prune=prune,
            dry_run=dry_run,
            if_version=request.headers.get("if-match"),
            by=principal.name,
        )
        plan = {
            "changes": outcome.changes,
            "unchanged": outcome.unchanged,
            "applied": outcome.applied,
            "version": str(outcome.version),
        }
        return Json(plan, headers={"ETag": f'"{outcome.version}"'})

    async def export_document(request: Request) -> Response:
        principal = await context.principal(request)
        principal.require_staff()
        secrets = flag(query(request, "secrets"), "secrets")
        disclosure = context.disclosure()
        document = await export(partial(fetch_all, context.db), disclosure, secrets=secrets)
        answer = await asyncio.to_thread(Json, document)
        return await context.audit.sent(request, principal, "export", disclosure, answer)

    router.add_api_route(
        "/apply",
        apply_document,
        methods=["POST"],
        **action(
            "Make the catalogue what a document says",
            text="Adds and changes what the document names and, with `prune`, removes what it does not; all of it or "
            "nothing. A field that an entry does not mention is left as it is. Staff only.",
            name="apply",
            body=Document,
            example={"frameworks": [{"name": "PyTorch", "version": "2.4.1"}]},
            answer=reference(PlanAnswer),
            errors=[409, 412],
            parameters=[
                {
                    "name": "dry_run",
                    "in": "query",
                    "schema": _FLAG,
                    "description": "Say what would change, and change nothing.",
                },
                {
                    "name": "prune",
                    "in": "query",
                    "schema": _FLAG,
                    "description": "Remove what the document's sections do not name; a framework that deleted images refer to stays.",
                },
                {**IF_MATCH, "description": "The `version` of a dry run: 412 if the catalogue was changed since."},
            ],
        ),
    )
    router.add_api_route(
        "/export",
        export_document,
        methods=["GET"],
        **action(
            "Read the catalogue out as a document",
            text="Gives all frameworks, images and nodes in create bodies with natural keys: applying it again changes "
            "nothing. Staff only.",
            name="export",
            answer=reference(Document),
            parameters=[
                {"name": "secrets", "in": "query", "schema": _FLAG, "description": "With the registries' log-ins."}
            ],
        ),
    )
    return router


def _entries(document: Document) -> dict[str, list[DocumentEntry]]:
    entries = {}
    for section in SECTIONS:
        bodies: Any = getattr(document, section.name)
        if bodies is not None:
            entries[section.name] = [_given(body) for body in bodies]
    return entries


def _given(body: Any) -> DocumentEntry:
    values = body.model_dump(exclude={"facts"})
    if "facts" in body.model_fields_set and body.facts is not None:
        values["facts"] = body.facts.model_dump(exclude_unset=True)
    return DocumentEntry(values, frozenset(body.model_fields_set))
