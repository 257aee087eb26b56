"""The history of the catalogue for staff: who changed what, and when."""

from typing import Annotated
from urllib.parse import urlencode

import orjson
from pydantic import Field
from starlette.responses import Response

from bayplan.schemas.common import MAX_INTEGER
from bayplan.schemas.history import HistoryEntry
from bayplan.server.auth.access import STAFF
from bayplan.server.context import Context
from bayplan.server.history import queries
from bayplan.server.history.queries import Cursor, HistoryFilter
from bayplan.server.http.openapi import NOT_KEPT
from bayplan.server.http.parameters import LINE, MOMENT, Parameters, ReadBy, one_of, whole_number
from bayplan.server.http.responses import UNCACHED, fingerprint, tagged
from bayplan.server.http.route import Call, Route

_PK = ReadBy(whole_number(1, MAX_INTEGER).read, {"type": "integer", "minimum": 1})


class HistoryParameters(Parameters):
    """Which entries, and which of them are on the page."""

    resource: Annotated[str | None, one_of(*queries.LOGGED)] = Field(
        None, description="Changes of objects of this resource."
    )
    pk: Annotated[int | None, _PK] = Field(None, description="Changes of the object with this pk.")
    user: Annotated[str | None, LINE] = Field(None, description="Changes by the user or the worker of this name.")
    since: Annotated[str | None, MOMENT] = Field(None, description="Changes at this time or later.")
    until: Annotated[str | None, MOMENT] = Field(None, description="Changes at this time or earlier.")
    limit: Annotated[int, whole_number(1, 1000)] = Field(100, description="The most entries to give.")
    after: Annotated[Cursor | None, ReadBy(queries.read_cursor, {"type": "string"})] = Field(
        None, description="The next page: the value from the `Link` of the page before."
    )


async def entries(context: Context, call: Call[HistoryParameters, None]) -> Response:
    """Answers with a page of the history."""
    query, request = call.query, call.request
    wanted = HistoryFilter(query.resource, query.pk, query.user, query.since, query.until)
    page, cursor = await queries.entries(context.db, wanted, limit=query.limit, after=query.after)
    headers = dict(UNCACHED)
    if cursor is not None:
        asked = {**request.query_params, "limit": query.limit, "after": f"{cursor[0]}-{cursor[1]}"}
        headers["Link"] = f'<{request.url.path}?{urlencode(asked)}>; rel="next"'
    body = orjson.dumps(page)
    tag = fingerprint(body, repr(cursor).encode())  # the link has the bounds of time, which move while the log may not
    return tagged(request, body, tag, headers=headers)


ROUTES = (
    Route(
        "GET",
        "/v1/history",
        entries,
        STAFF,
        "Read the history of the catalogue",
        "Gives what was changed, by whom and when, newest first. Every write has an entry for each object that it "
        "changed, with the fields before and after. Of a secret, an entry says only that it was set, changed or cleared. "
        "Staff only.",
        "history",
        ("history",),
        query=HistoryParameters,
        answer=list[HistoryEntry],
        headers=NOT_KEPT,
        conditional=True,
    ),
)
