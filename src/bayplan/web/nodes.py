"""The nodes: by kind and one by one, and what runs on each."""

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

from pydantic import Field
from starlette.responses import Response

from bayplan.clock import timestamp
from bayplan.errors import Invalid
from bayplan.schemas.filters import Filter
from bayplan.schemas.match import MatchRequest
from bayplan.server.context import Context
from bayplan.server.fleet import queries as fleet_queries
from bayplan.server.http.parameters import LINE, Flag, Offset, Parameters
from bayplan.server.prefetch import queries as prefetch_queries
from bayplan.web.ask import OF_EACH
from bayplan.web.filters import OF_NODES, Expression, nodes_filter
from bayplan.web.form import Form, parse_body
from bayplan.web.formats import facts_in_words
from bayplan.web.listing import ROWS, TableColumn, pager, sorted_column
from bayplan.web.page import PageCall, PageRoute
from bayplan.web.rendering import rendered
from bayplan.web.upgrades import UPGRADE_COLUMNS, shown_upgrades
from bayplan.web.verdicts import left_out, worker_phrase

_SILENT_AFTER = timedelta(minutes=5)
_ORDER = {"node": ("ip", "index"), "gpu": ("gpu_name",), "driver": ("driver_version",), "seen": ("last_seen",)}
_NO_FACTS = ("pk", "ip", "index", "hostname", "labels", "last_seen", "hardware_generation")
_Text = Annotated[str, LINE]


class NodesParameters(Parameters):
    """Which nodes, and their order."""

    gpu: _Text = Field("", description="A part of the GPU's name.")
    generation: _Text = Field("", description="The generation of the GPU.")
    driver: _Text = Field("", description="A branch, a version or a comparison.")
    label: _Text = Field("", description="Labels, with commas between them.")
    host: _Text = Field("", description="A part of the address or the host name.")
    silent: Flag = Field(False, description="Only nodes whose last heartbeat is more than five minutes ago.")
    sort: _Text = Field("node", description="The column by which they are sorted, downwards with `-` before it.")
    offset: Offset = Field(0, description="How many nodes are left out.")


class NodeParameters(Parameters):
    """Which of the images that do not run are shown."""

    offset: Offset = Field(0, description="How many of them are left out.")


async def nodes(context: Context, call: PageCall[NodesParameters]) -> Response:
    """Shows the kinds, and the nodes that are chosen."""
    query = call.query
    names = ("gpu", "generation", "driver", "label", "host")
    form = Form({name: [getattr(query, name)] for name in names})
    status, total = 200, 0
    shown: list[dict[str, Any]] = []
    try:
        chosen = _filter(query)
        shown, total = await fleet_queries.nodes(context, call.principal, chosen, limit=ROWS, offset=query.offset)
    except Invalid as error:
        form, status = form.with_mistakes(error), 422
    fleet = await context.kinds.at(call.version)
    kinds = list(zip(fleet.kinds, fleet.titles, fleet.sizes, strict=True))
    columns = [
        *(sorted_column(call.request, label, name, query.sort) for label, name in (("Node", "node"), ("GPU", "gpu"))),
        TableColumn("Generation"),
        sorted_column(call.request, "Driver", "driver", query.sort),
        TableColumn("GPU memory", is_number=True),
        sorted_column(call.request, "Last seen", "seen", query.sort),
        TableColumn("Labels"),
    ]
    return await rendered(
        context,
        call,
        "nodes.html",
        "Nodes",
        status,
        form=form,
        silent=query.silent,
        nodes=shown,
        columns=columns,
        kinds=kinds[:ROWS],
        more_kinds=max(0, len(kinds) - ROWS),
        total=fleet.nodes,
        place=pager(call.request, total, query.offset, len(shown)),
    )


async def node(context: Context, call: PageCall[NodeParameters]) -> Response:
    """Shows a node: its facts, what runs on it, and its inventory."""
    shown = await fleet_queries.node(context, call.principal, call.pk)
    request = MatchRequest(node=call.pk, limit_per_framework=OF_EACH, explain=True)
    part = slice(call.query.offset, call.query.offset + ROWS)
    answer = await context.judge.matched(call.principal, request, call.version, part)
    inventory = await prefetch_queries.of_node(context.db, context.planner, call.principal, call.version, call.pk)
    name = f"{shown['ip']}#{shown['index']}"
    fleet = await context.kinds.at(call.version)
    kind = next((kind for kind in fleet.kinds if call.pk in kind.nodes), None)
    place = pager(call.request, answer.considered - answer.running, call.query.offset, len(answer.rejected))
    return await rendered(
        context,
        call,
        "node.html",
        f"{name} · Nodes",
        name=name,
        node=shown,
        facts=_facts(shown),
        phrase=worker_phrase(answer.worker),
        answer=answer,
        left_out=left_out(answer),
        frameworks={
            group.framework: f"/ask?node={call.pk}&framework={group.framework}" for group in answer.by_framework
        },
        of_each=OF_EACH,
        inventory=inventory["images"][:ROWS],
        more_images=max(0, len(inventory["images"]) - ROWS),
        inventory_columns=[TableColumn("Image"), TableColumn("State"), TableColumn("Desired"), TableColumn("Reported")],
        place=place,
        upgrades=await shown_upgrades(context, call.version, {kind.identifier: len(kind.nodes)} if kind else {}),
        upgrade_columns=UPGRADE_COLUMNS,
    )


def _facts(node: dict[str, Any]) -> list[tuple[str, str]]:
    """The facts that are known, in words."""
    facts = {name: value for name, value in node.items() if name not in _NO_FACTS}
    generation = node["hardware_generation"]
    if generation is not None:
        facts["hardware_generation"] = generation["generation"]
    return facts_in_words(facts)


def _filter(query: NodesParameters) -> Filter:
    """The filter that the parameters mean; raises `Invalid` at the field that is wrong."""
    chosen = nodes_filter({name: getattr(query, name).strip() for name in OF_NODES})
    expressions: list[Expression] = [] if chosen is None else [*chosen["expressions"]]
    if generation := query.generation.strip():
        path = "hardware_generation.generation"
        expressions.append({"type": "exact", "field": path, "value": generation, "case_insensitive": True})
    if host := query.host.strip():
        expressions.append({"type": "or", "sub_expressions": [_contains("ip", host), _contains("hostname", host)]})
    if query.silent:
        since = timestamp(datetime.now(UTC) - _SILENT_AFTER)
        expressions.append({"type": "compare", "field": "last_seen", "operator": "<", "value": since})
    paths = _ORDER.get(query.sort.removeprefix("-"), _ORDER["node"])
    order = [{"field": path, "ascending": not query.sort.startswith("-")} for path in paths]
    return parse_body({"expressions": expressions, "order_by": order}, Filter)


def _contains(path: str, text: str) -> dict[str, Any]:
    return {"type": "contains", "field": path, "sub_string": text, "case_insensitive": True}


PAGES = (
    PageRoute("GET", "/nodes", nodes, label="Nodes", query=NodesParameters),
    PageRoute("GET", "/nodes/{pk}", node, query=NodeParameters),
)
