"""The audit trail for staff: who was given which images' registry passwords, and when."""

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from bayplan.schemas.audit import AuditEntry
from bayplan.schemas.common import MAX_INTEGER
from bayplan.server.audit import store as audit_store
from bayplan.server.context import Context
from bayplan.server.http.openapi import Words, action, reference
from bayplan.server.http.parsing import line, moment, one_of, query, whole_number
from bayplan.server.http.responses import UNCACHED, Json, page_headers

_LIMIT = 100
_MOST = 1000
_KINDS = ("user", "worker", "registry")


def audit_router(context: Context) -> APIRouter:
    """Gives that route."""
    router = APIRouter(prefix="/v1/audit", tags=["log-ins of registries"])

    async def entries(request: Request) -> Response:
        principal = await context.principal(request)
        principal.require_staff()
        given = query(request, "image", "kind", "name", "since", "limit", "offset")
        wanted = audit_store.AuditFilter(
            image=whole_number(given, "image", least=1, most=MAX_INTEGER),
            kind=one_of(given, "kind", _KINDS),
            name=line(given, "name"),
            since=moment(given, "since"),
        )
        limit = whole_number(given, "limit", least=1, most=_MOST) or _LIMIT
        offset = whole_number(given, "offset", least=0) or 0
        page = await audit_store.page(context.db, wanted, limit, offset)
        headers = page_headers(request, given, page.total or 0, limit, offset)
        return Json(page.body, headers={**headers, **UNCACHED})

    router.add_api_route(
        "",
        entries,
        methods=["GET"],
        **action(
            "Read the audit trail",
            text="Gives every answer to a user or a worker, and every question to a registry, that held registry passwords, "
            "newest first. What was given again within an hour is counted. Staff only.",
            name="audit",
            answer={"type": "array", "items": reference(AuditEntry)},
            parameters=[
                _parameter("image", {"type": "integer", "minimum": 1}, "Of this image."),
                _parameter("kind", {"type": "string", "enum": list(_KINDS)}, "To this kind of recipient."),
                _parameter("name", {"type": "string"}, "To the user, the worker, or the registry of this name."),
                _parameter("since", {"type": "string", "format": "date-time"}, "Last given at this time or later."),
                _parameter(
                    "limit", {"type": "integer", "minimum": 1, "maximum": _MOST, "default": _LIMIT}, "So many at most."
                ),
                _parameter(
                    "offset",
                    {"type": "integer", "minimum": 0, "maximum": 10**17},
                    "Leave out so many at the beginning.",
                ),
            ],
        ),
    )
    return router


def _parameter(name: str, schema: Words, words: str) -> Words:
    return {"name": name, "in": "query", "schema": schema, "description": words}
