"""The history: who changed what and when, with the values before and after."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Annotated, Any

from pydantic import Field
from starlette.responses import Response

from bayplan.clock import utc_now
from bayplan.errors import Invalid, Problem
from bayplan.exports.history_words import FieldText, Names, field_texts, keys_of, subject
from bayplan.schemas.common import MAX_INTEGER
from bayplan.schemas.history import HistoryEntry
from bayplan.server.auth.access import STAFF
from bayplan.server.context import Context
from bayplan.server.history import queries
from bayplan.server.history.queries import LOGGED, HistoryFilter
from bayplan.server.http.parameters import LINE, Parameters, ReadBy
from bayplan.web.form import Form
from bayplan.web.listing import ROWS, TableColumn, address_with
from bayplan.web.moments import HINT, moment_typed
from bayplan.web.page import PageCall, PageRoute
from bayplan.web.rendering import rendered

_Text = Annotated[str, LINE]
_FIELDS = ("resource", "object", "user", "since", "until")
_COLUMNS = [
    TableColumn("When"),
    TableColumn("Who"),
    TableColumn("Action"),
    TableColumn("What"),
    TableColumn("Changes"),
]
_WORDS: Mapping[str, str] = {"docker": "images", "secrets": "registry passwords", "prefetch": "prefetch rules"}
_PAGES: Mapping[str, str] = {
    "docker": "/images/{pk}",
    "nodes": "/nodes/{pk}",
    "users": "/users/{pk}",
    "prefetch": "/prefetch/{pk}",
}
"""The pages of objects, by their resource."""
# A page is at most 300 kB, whatever people typed: so many bytes of an entry's changes, and letters of a value and of a name.
_MOST_BYTES, _MOST_LETTERS, _MOST_NAME_LETTERS = 1_000, 300, 120


class HistoryPageParameters(Parameters):
    """Which changes, and where the page begins."""

    resource: _Text = Field("", description="Changes of objects of this resource.")
    object: _Text = Field("", description="Changes of the object with this key or name.")
    user: _Text = Field("", description="Changes by this user or worker.")
    since: _Text = Field("", description="Changes at this time or later.")
    until: _Text = Field("", description="Changes at this time or earlier.")
    after: Annotated[queries.Cursor | None, ReadBy(queries.read_cursor, {"type": "string"})] = Field(
        None, description="The last entry of the page before."
    )


@dataclass(frozen=True, slots=True)
class HistoryRow:
    """An entry as the page shows it."""

    entry: HistoryEntry
    author: str
    subject: str
    path: str
    """The page of the object; empty where it has none, or is gone."""
    changes_path: str
    """The page of all its changes; empty where the entry is of no single object."""
    fields: Sequence[FieldText]
    left_out: int


async def history(context: Context, call: PageCall[HistoryPageParameters]) -> Response:
    """Shows a page of the history."""
    query = call.query
    form, status = Form({name: [getattr(query, name)] for name in _FIELDS}), 200
    rows: list[HistoryRow] = []
    cursor: queries.Cursor | None = None
    try:
        chosen = await _filter(context, query)
        entries, cursor = await queries.entries(context.db, chosen, limit=ROWS, after=query.after)
        names = await queries.names(context.db, keys_of(entries))
        rows = [_row(call, entry, names) for entry in entries]
    except Invalid as error:
        form, status = form.with_mistakes(error), 422
    return await rendered(
        context,
        call,
        "history.html",
        "History",
        status,
        form=form,
        hint=HINT,
        rows=rows,
        columns=_COLUMNS,
        resources=[("", "all"), *((name, _WORDS.get(name, name)) for name in LOGGED)],
        is_filtered=any(getattr(query, name) for name in _FIELDS),
        first_path=address_with(call.request) if query.after is not None else "",
        next_path="" if cursor is None else address_with(call.request, after=f"{cursor[0]}-{cursor[1]}"),
    )


async def _filter(context: Context, query: HistoryPageParameters) -> HistoryFilter:
    """The entries that the fields mean; raises `Invalid` with a sentence for each field that is wrong."""
    at, problems = utc_now(), list[Problem]()
    if query.resource and query.resource not in LOGGED:
        problems.append(Problem("resource", "wrong_type", "Choose one of the list."))
    moments: dict[str, str | None] = {}
    for name, is_end in (("since", False), ("until", True)):
        try:
            moments[name] = moment_typed(name, getattr(query, name), at, is_end=is_end)
        except Invalid as error:
            problems += error.problems
    since, until = moments.get("since"), moments.get("until")
    if since is not None and until is not None and since > until:
        problems.append(Problem("until", "wrong_type", "The end must not be before the beginning."))
    pk = None
    if query.object.strip() and not problems:
        pk, problem = await _object(context, query.resource, query.object.strip())
        problems += [] if problem is None else [problem]
    if problems:
        raise Invalid("", problems=problems)
    return HistoryFilter(query.resource or None, pk, query.user.strip() or None, since, until)


async def _object(context: Context, resource: str, text: str) -> tuple[int | None, Problem | None]:
    """The key of the object of this key or name."""
    if not resource:
        return None, Problem("resource", "missing", "Choose what the object is.")
    pk = await queries.key_named(context.db, resource, text)
    if pk is None and text.isascii() and text.isdigit():  # the key of an object that is gone is still a key
        pk = min(int(text[:20]), MAX_INTEGER)
    if pk is None:
        return None, Problem(
            "object", "not_found", "Nothing there is called so now. Type its name, or its key if it is gone."
        )
    return pk, None


def _row(call: PageCall[Any], entry: HistoryEntry, names: Names) -> HistoryRow:
    resource, pk = entry["resource"], entry["pk"]
    fields = field_texts(entry, names)
    shown = _bounded(fields)
    existing = names.get(resource, {}).get(pk or 0)
    path = _PAGES[resource].format(pk=pk) if existing is not None and resource in _PAGES else ""
    changes_path = "" if pk is None else f"/history?resource={resource}&object={pk}"
    path = path if call.may_open(path) else ""
    if resource == "workers" and existing is not None:
        path = f"/nodes/workers/{existing}"
    what = _cut(subject(entry, names), _MOST_NAME_LETTERS)
    who = _cut(entry["user"] or "the server", _MOST_NAME_LETTERS)
    return HistoryRow(entry, who, what, path, changes_path, shown, len(fields) - len(shown))


def _bounded(fields: Sequence[FieldText]) -> list[FieldText]:
    """The first fields, as many as a page has room for, with long values cut."""
    shown: list[FieldText] = []
    left_bytes = _MOST_BYTES
    for name, before, after in fields:
        text = FieldText(_cut(name), None if before is None else _cut(before), _cut(after))
        left_bytes -= sum(len(escape(part).encode()) for part in text if part is not None)
        if left_bytes < 0 and shown:
            break
        shown.append(text)
    return shown


def _cut(text: str, most: int = _MOST_LETTERS) -> str:
    return text if len(text) <= most else f"{text[:most]}…"


PAGES = (PageRoute("GET", "/history", history, STAFF, label="History", query=HistoryPageParameters),)
