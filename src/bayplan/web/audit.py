"""The audit log: who was given which registry passwords, when, and from where."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import orjson
from pydantic import Field
from starlette.responses import Response

from bayplan.clock import utc_now
from bayplan.errors import Invalid, Problem
from bayplan.schemas.common import MAX_INTEGER
from bayplan.server.audit import queries
from bayplan.server.auth.access import STAFF
from bayplan.server.context import Context
from bayplan.server.history import queries as history_queries
from bayplan.server.http.parameters import LINE, Offset, Parameters
from bayplan.web.form import Form
from bayplan.web.listing import ROWS, Pager, TableColumn, pager
from bayplan.web.moments import HINT, moment_typed
from bayplan.web.page import PageCall, PageRoute
from bayplan.web.rendering import rendered

_Text = Annotated[str, LINE]
_FIELDS = ("image", "kind", "name", "since")
_KINDS = ("user", "worker", "registry")
_COLUMNS = [
    TableColumn("First"),
    TableColumn("Last"),
    TableColumn("Times", is_number=True),
    TableColumn("To"),
    TableColumn("Name"),
    TableColumn("From"),
    TableColumn("By"),
    TableColumn("Passwords", is_number=True),
    TableColumn("Images"),
]
_MOST_RANGES = 5


class AuditPageParameters(Parameters):
    """Which entries."""

    image: _Text = Field("", description="Entries about this image.")
    kind: _Text = Field("", description="Entries about this kind of recipient.")
    name: _Text = Field("", description="Entries about the user, the worker or the registry of this name.")
    since: _Text = Field("", description="Entries of this time or later.")
    offset: Offset = Field(0, description="How many entries are left out.")


@dataclass(frozen=True, slots=True)
class ImageRange:
    """Images whose keys follow one another: the page of a single one, and its name or the keys."""

    words: str
    path: str = ""


@dataclass(frozen=True, slots=True)
class AuditRow:
    """An entry as the page shows it."""

    entry: Mapping[str, Any]
    images: Sequence[ImageRange]
    left_out: int


async def audit(context: Context, call: PageCall[AuditPageParameters]) -> Response:
    """Shows a page of the audit log."""
    query = call.query
    form, status = Form({name: [getattr(query, name)] for name in _FIELDS}), 200
    rows: list[AuditRow] = []
    place = Pager(0, 0, 0)
    try:
        chosen = await _filter(context, query)
        page = await queries.page(context.db, chosen, ROWS, query.offset)
        entries = orjson.loads(page.body)
        single = {first for entry in entries for first, last in entry["images"][:_MOST_RANGES] if first == last}
        names = (await history_queries.names(context.db, {"docker": single}))["docker"]
        rows = [_row(entry, names) for entry in entries]
        place = pager(call.request, page.total or 0, query.offset, len(rows))
    except Invalid as error:
        form, status = form.with_mistakes(error), 422
    return await rendered(
        context,
        call,
        "audit.html",
        "Audit log",
        status,
        form=form,
        hint=HINT,
        rows=rows,
        columns=_COLUMNS,
        kinds=[("", "all"), *((kind, kind) for kind in _KINDS)],
        is_filtered=any(getattr(query, name) for name in _FIELDS),
        place=place,
    )


async def _filter(context: Context, query: AuditPageParameters) -> queries.AuditFilter:
    """The entries that the fields mean; raises `Invalid` with a sentence for each field that is wrong."""
    problems: list[Problem] = []
    if query.kind and query.kind not in _KINDS:
        problems.append(Problem("kind", "wrong_type", "Choose one of the list."))
    since = None
    try:
        since = moment_typed("since", query.since, utc_now())
    except Invalid as error:
        problems += error.problems
    image, text = None, query.image.strip()
    if text:
        image = await history_queries.key_named(context.db, "docker", text)
        if image is None and text.isascii() and text.isdigit():  # the key of an image that is gone is still a key
            image = min(int(text[:20]), MAX_INTEGER)
        if image is None:
            detail = "There is no such image. Type its name and its version, such as pytorch:2.4, or its key."
            problems.append(Problem("image", "not_found", detail))
    if problems:
        raise Invalid("", problems=problems)
    return queries.AuditFilter(image, query.kind or None, query.name.strip() or None, since)


def _row(entry: Mapping[str, Any], names: Mapping[int, str]) -> AuditRow:
    ranges = entry["images"]
    shown = [
        ImageRange(names.get(first, str(first)), f"/images/{first}" if first in names else "")
        if first == last
        else ImageRange(f"{first}-{last}")
        for first, last in ranges[:_MOST_RANGES]
    ]
    return AuditRow(entry, shown, len(ranges) - len(shown))


PAGES = (PageRoute("GET", "/audit", audit, STAFF, label="Audit log", query=AuditPageParameters),)
