"""The audit log for staff: who got which images' registry passwords, and when."""

from typing import Annotated

from pydantic import Field
from starlette.responses import Response

from bayplan.schemas.audit import AuditEntry
from bayplan.schemas.common import MAX_INTEGER
from bayplan.server.audit import queries
from bayplan.server.auth.access import STAFF
from bayplan.server.context import Context
from bayplan.server.http.openapi import NOT_KEPT
from bayplan.server.http.parameters import LINE, MOMENT, After, Offset, Parameters, ReadBy, one_of, whole_number
from bayplan.server.http.responses import UNCACHED, fingerprint, page_headers, tagged
from bayplan.server.http.route import Call, Route

_PK = ReadBy(whole_number(1, MAX_INTEGER).read, {"type": "integer", "minimum": 1})


class AuditParameters(Parameters):
    """Which entries, and which of them are on the page."""

    image: Annotated[int | None, _PK] = Field(None, description="Entries about this image.")
    kind: Annotated[str | None, one_of("user", "worker", "registry")] = Field(
        None, description="Entries about this kind of recipient."
    )
    name: Annotated[str | None, LINE] = Field(
        None, description="Entries about the user, the worker or the registry of this name."
    )
    since: Annotated[str | None, MOMENT] = Field(None, description="Entries of this time or later.")
    limit: Annotated[int, whole_number(1, 1000)] = Field(100, description="The most entries to give.")
    offset: Offset = Field(0, description="How many entries to skip at the beginning.")
    after: After = Field(None, description="The next page: the value from the `Link` of the page before.")


async def entries(context: Context, call: Call[AuditParameters, None]) -> Response:
    """Answers with a page of the audit log."""
    query = call.query
    audit_filter = queries.AuditFilter(image=query.image, kind=query.kind, name=query.name, since=query.since)
    page = await queries.page(context.db, audit_filter, query.limit, query.offset, query.after)
    headers = page_headers(call.request, page.total or 0, query, page.following)
    tag = fingerprint(page.body, f"{page.total} {page.following}".encode())  # without the time that the links have
    return tagged(call.request, page.body, tag, headers={**headers, **UNCACHED})


ROUTES = (
    Route(
        "GET",
        "/v1/audit",
        entries,
        STAFF,
        "Read the audit log",
        "Gives every answer to a user or a worker, and every request to a registry, that had registry passwords in it, "
        "newest first. Equal entries within an hour are one, with a count. Staff only.",
        "audit",
        ("registry credentials",),
        query=AuditParameters,
        answer=list[AuditEntry],
        headers=NOT_KEPT,
        conditional=True,
    ),
)
