"""The workers, for staff: when each was last seen, the end of its credential, and the tokens with which machines join."""

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from ipaddress import ip_address
from typing import Annotated, Any

from pydantic import Field
from starlette.requests import Request
from starlette.responses import Response

from bayplan.errors import Invalid, NotFound, Problem
from bayplan.exports.value_words import moment
from bayplan.schemas.workers import JoinTokenCreate
from bayplan.server.auth.access import STAFF
from bayplan.server.context import Context
from bayplan.server.fleet import queries
from bayplan.server.http.parameters import LINE, Flag, NoParameters, Offset, Parameters
from bayplan.web.duration import duration_typed
from bayplan.web.form import Form, parse_body, status_of
from bayplan.web.formats import count
from bayplan.web.listing import ROWS, TableColumn, pager
from bayplan.web.page import PageCall, PageRoute
from bayplan.web.question import RemovalQuestion, ask
from bayplan.web.rendering import rendered, see_other

_SILENT_SECONDS = 300
"""By default a worker pings every minute: five missing pings are no jitter."""
_MOST_NODES, _MOST_VERSIONS, _MOST_FAULT_LETTERS = 8, 3, 120
_ABOVE = [("Nodes", "/nodes"), ("Workers", "/nodes/workers")]
_COLUMNS = [
    TableColumn("Worker"),
    TableColumn("Address"),
    TableColumn("Nodes"),
    TableColumn("Last seen"),
    TableColumn("Drivers"),
    TableColumn("Container toolkit"),
    TableColumn("Joined"),
    TableColumn("Revoke"),
]
_JOIN_TOKEN_COLUMNS = [
    TableColumn("Key", is_number=True),
    TableColumn("Machines left", is_number=True),
    TableColumn("Until"),
    TableColumn("Last use"),
    TableColumn("By"),
    TableColumn("Revoke"),
]
_DEFAULTS = {"expires_in": "1h", "uses": "1"}


class WorkersParameters(Parameters):
    """Which workers."""

    q: Annotated[str, LINE] = Field("", description="A part of the name or of the address.")
    fault: Flag = Field(False, description="Only workers with a fault.")
    offset: Offset = Field(0, description="How many workers are left out.")


@dataclass(frozen=True, slots=True)
class WorkerRow:
    """A worker as the page shows it."""

    worker: Mapping[str, Any]
    is_silent: bool
    nodes: Sequence[Mapping[str, Any]]
    more_nodes: int
    drivers: str
    toolkits: str
    fault: str


async def workers(context: Context, call: PageCall[WorkersParameters]) -> Response:
    """Shows the workers, the join tokens, and the form for a new one."""
    return await _shown(context, call, call.form, 200)


async def _shown(context: Context, call: PageCall[WorkersParameters], form: Form, status: int) -> Response:
    query = call.query
    page, total = await queries.workers_page(
        context, query.q.strip(), with_fault=query.fault, limit=ROWS, offset=query.offset
    )
    join_tokens = await queries.list_join_tokens(context)
    return await rendered(
        context,
        call,
        "workers.html",
        "Workers · Nodes",
        status,
        above=_ABOVE[:1],
        rows=[_row(worker) for worker in page],
        columns=_COLUMNS,
        search=query.q,
        with_fault=query.fault,
        place=pager(call.request, total, query.offset, len(page)),
        join_tokens=join_tokens[:ROWS],
        more_join_tokens=max(0, len(join_tokens) - ROWS),
        join_token_columns=_JOIN_TOKEN_COLUMNS,
        form=form,
        defaults=_DEFAULTS,
    )


def _row(worker: Mapping[str, Any], most_nodes: int = _MOST_NODES) -> WorkerRow:
    nodes, fault = worker["nodes"], worker["fault"] or ""
    return WorkerRow(
        worker,
        _is_silent(worker["last_seen"]),
        nodes[:most_nodes],
        max(0, len(nodes) - most_nodes),
        _versions(nodes, "driver_version"),
        _versions(nodes, "toolkit_version"),
        fault if len(fault) <= _MOST_FAULT_LETTERS else f"{fault[:_MOST_FAULT_LETTERS]}…",
    )


def _is_silent(last_seen: str | None) -> bool:
    if last_seen is None:
        return False
    return (datetime.now(UTC) - datetime.fromisoformat(last_seen)).total_seconds() >= _SILENT_SECONDS


def _versions(nodes: Sequence[Mapping[str, Any]], name: str) -> str:
    versions = list(dict.fromkeys(node[name] for node in nodes if node[name] is not None))
    shown = ", ".join(versions[:_MOST_VERSIONS])
    more = len(versions) - _MOST_VERSIONS
    return f"{shown} and {more} more" if more > 0 else shown or "-"


async def make_join_token(context: Context, call: PageCall[WorkersParameters]) -> Response:
    """Makes a join token and shows it, for the only time, in the command for the machine."""
    try:
        request = _parsed(call.form)
    except Invalid as error:
        return await _shown(context, call, call.form.with_mistakes(error), status_of(error))
    made = await queries.create_join_token(context, call.principal, request)
    server = f"{call.request.url.scheme}://{call.request.url.netloc}"
    return await rendered(
        context,
        call,
        "join_token_made.html",
        "Join token · Workers · Nodes",
        201,
        above=_ABOVE,
        command=f"bayplan worker join {shlex.quote(server)} --token {shlex.quote(made['token'])}",
        sentence=f"Valid for {count(request.uses, 'machine')} until {moment(made['expires'])}.",
        is_of_this_machine=_is_of_this_machine(call.request),
    )


def _parsed(form: Form) -> JoinTokenCreate:
    problems: list[Problem] = []
    values: dict[str, object] = {}
    try:
        expires_in = duration_typed("expires_in", form.text("expires_in"))
        values |= {} if expires_in is None else {"expires_in": expires_in}
    except Invalid as error:
        problems += error.problems
    uses = form.text("uses")
    if uses:
        values["uses"] = int(uses) if uses.isascii() and uses.isdigit() and len(uses) < 19 else uses
    try:
        request = parse_body(values, JoinTokenCreate)
    except Invalid as error:
        problems += (_in_words(problem) for problem in error.problems)
    if problems:
        raise Invalid("", problems=problems)
    return request


def _in_words(problem: Problem) -> Problem:
    if problem.field == "expires_in":
        return Problem(problem.field, problem.code, "A join token is valid for at most 31d.")
    return problem


def _is_of_this_machine(request: Request) -> bool:
    """Whether the browser reaches the server by an address that means the browser's own machine."""
    host = request.url.hostname or ""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


async def worker(context: Context, call: PageCall[NoParameters]) -> Response:
    """Shows a worker and its nodes, and the form that revokes it."""
    row = _row(await _worker(context, call), ROWS)
    title = f"{row.worker['worker']} · Workers · Nodes"
    return await rendered(context, call, "worker.html", title, row=row, above=_ABOVE, form=call.form)


async def revoke(context: Context, call: PageCall[NoParameters]) -> Response:
    """Ends a worker's credential."""
    name, with_nodes = (await _worker(context, call))["worker"], call.form.is_checked("nodes")
    await queries.revoke(context, call.principal, name, with_nodes=with_nodes)
    sentence = f"Revoked {name}{' and removed its nodes' if with_nodes else '; its nodes stay'}."
    return see_other(call.request, "/nodes/workers", sentence)


async def _worker(context: Context, call: PageCall[NoParameters]) -> Mapping[str, Any]:
    return await queries.worker(context, call.request.path_params["worker"])


async def ask_to_revoke_join_token(context: Context, call: PageCall[NoParameters]) -> Response:
    """Asks before a join token is revoked."""
    join_token = await _join_token(context, call)
    left = count(join_token["uses_left"], "machine")
    asked = RemovalQuestion(
        title="Revoke",
        question=f"Revoke the join token {call.pk} (for {left} more)?",
        uses="Machines that joined with it stay.",
        button="Revoke",
        back="/nodes/workers",
        above=_ABOVE,
    )
    return await ask(context, call, asked)


async def revoke_join_token(context: Context, call: PageCall[NoParameters]) -> Response:
    """Ends a join token."""
    await _join_token(context, call)
    await queries.delete_join_token(context, call.principal, call.pk)
    return see_other(call.request, "/nodes/workers", f"Revoked the join token {call.pk}.")


async def _join_token(context: Context, call: PageCall[NoParameters]) -> Mapping[str, Any]:
    for join_token in await queries.list_join_tokens(context):
        if join_token["pk"] == call.pk:
            return join_token
    raise NotFound(f"There is no join token {call.pk}: /nodes/workers lists all join tokens.")


PAGES = (
    PageRoute("GET", "/nodes/workers", workers, STAFF, query=WorkersParameters),
    PageRoute("POST", "/nodes/workers", make_join_token, STAFF, query=WorkersParameters),
    PageRoute("GET", "/nodes/workers/{worker}", worker, STAFF),
    PageRoute("POST", "/nodes/workers/{worker}", revoke, STAFF),
    PageRoute("GET", "/nodes/join-tokens/{pk}/revoke", ask_to_revoke_join_token, STAFF),
    PageRoute("POST", "/nodes/join-tokens/{pk}/revoke", revoke_join_token, STAFF),
)
