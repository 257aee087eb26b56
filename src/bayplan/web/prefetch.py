"""Prefetch rules: how far the machines are with them, and what a machine lacks and why."""

from collections.abc import Sequence
from typing import Annotated, Any

from pydantic import Field
from starlette.responses import Response

from bayplan.exports.filter_words import in_words, order_in_words
from bayplan.server.context import Context
from bayplan.server.http.parameters import LINE, Offset, Parameters, one_of
from bayplan.server.prefetch import queries
from bayplan.web.form import Form
from bayplan.web.listing import ROWS, TableColumn, pager
from bayplan.web.page import PageCall, PageRoute
from bayplan.web.rendering import rendered

_MOST_TROUBLES = 3
_MOST_LETTERS = 160
"""Of the reason why a pull failed: the page of the node has all of it."""
_ONLY = (
    ("", "all"),
    ("missing", "that lack images"),
    ("failed", "with a failed pull"),
    ("no_room", "without room"),
    ("pulling", "that pull now"),
)


def _columns(*labels: str, numbers: Sequence[str] = ()) -> list[TableColumn]:
    return [TableColumn(label, label in numbers) for label in labels]


_NUMBERS = ("Images", "Machines", "Desired", "Present", "Pulling", "Failed", "No room", "Takes")
_RULE_COLUMNS = _columns("Rule", "Nodes", "Images", "Machines", "Progress", "By", numbers=("Machines",))
_NODE_COLUMNS = _columns("Node", "GPU", "Desired", "Present", "Missing", numbers=_NUMBERS)
_IMAGE_COLUMNS = _columns("Image", "Desired", "Present", "Missing", numbers=_NUMBERS)
_MACHINE_COLUMNS = _columns(
    "Machine", "Desired", "Present", "Pulling", "Failed", "No room", "Takes", "Since", "Missing", numbers=_NUMBERS
)


class RulesParameters(Parameters):
    """Which part of the rules."""

    offset: Offset = Field(0, description="How many rules are left out.")


class RuleParameters(Parameters):
    """Which part of a rule's nodes and images."""

    offset: Offset = Field(0, description="How many nodes are left out.")
    images_offset: Offset = Field(0, description="How many images are left out.")


class MachinesParameters(Parameters):
    """Which machines."""

    host: Annotated[str, LINE] = Field("", description="A part of the address.")
    only: Annotated[str, one_of("", *queries.ONLY)] = Field("", description="Those that lack images, for a reason.")
    offset: Offset = Field(0, description="How many machines are left out.")


async def rules(context: Context, call: PageCall[RulesParameters]) -> Response:
    """Shows the rules, and how far all machines are."""
    offset = call.query.offset
    listed = await queries.rules(context, call.principal, call.version, limit=ROWS, offset=offset)
    return await rendered(
        context,
        call,
        "prefetch.html",
        "Prefetch",
        listed=listed,
        rules=[
            (each, in_words(each.rule["nodes"]), in_words(each.rule["images"]), _why(each.progress))
            for each in listed.rules
        ],
        columns=_RULE_COLUMNS,
        place=pager(call.request, listed.total, offset, len(listed.rules)),
    )


async def rule(context: Context, call: PageCall[RuleParameters]) -> Response:
    """Shows a rule: what it says, its nodes and its images, and how far each is."""
    query = call.query
    shown = await queries.shown_rule(
        context,
        call.principal,
        call.version,
        call.pk,
        limit=ROWS,
        nodes_from=query.offset,
        images_from=query.images_offset,
    )
    existing = shown.listed.rule
    return await rendered(
        context,
        call,
        "prefetch_rule.html",
        f"{existing['name']} · Prefetch",
        shown=shown,
        rule=existing,
        words={
            "nodes": in_words(existing["nodes"]),
            "images": in_words(existing["images"]),
            "order": order_in_words(existing["images"]) or "their keys",
        },
        why=_why(shown.listed.progress),
        nodes=[(each, _why(each.progress)) for each in shown.nodes],
        images=[(each, _why(each.progress)) for each in shown.images],
        columns={"nodes": _NODE_COLUMNS, "images": _IMAGE_COLUMNS},
        place=pager(call.request, shown.nodes_total, query.offset, len(shown.nodes)),
        place_of_images=pager(
            call.request, shown.listed.images, query.images_offset, len(shown.images), name="images_offset"
        ),
    )


async def machines(context: Context, call: PageCall[MachinesParameters]) -> Response:
    """Shows the machines: how many of their desired images they have, and why they lack the others."""
    query = call.query
    listed = await queries.machines(
        context,
        call.principal,
        call.version,
        host=query.host.strip(),
        only=query.only,
        limit=ROWS,
        offset=query.offset,
    )
    return await rendered(
        context,
        call,
        "prefetch_machines.html",
        "Machines · Prefetch",
        form=Form({"host": [query.host], "only": [query.only]}),
        only=_ONLY,
        listed=listed,
        machines=[(each, _why(each.progress), _troubles(each)) for each in listed.machines],
        columns=_MACHINE_COLUMNS,
        place=pager(call.request, listed.total, query.offset, len(listed.machines)),
    )


def _why(progress: queries.DesiredProgress) -> str:
    """Why images are missing: "2 failed, 1 being pulled"; empty where none is."""
    reasons = (
        (progress.failed, "failed"),
        (progress.no_room, "without room"),
        (progress.pulling, "being pulled"),
        (progress.waiting, "not reported yet"),
    )
    return ", ".join(f"{number:,} {words}" for number, words in reasons if number)


def _troubles(machine: queries.ListedMachine) -> list[tuple[dict[str, Any], str]]:
    """The first images that a machine could not pull, with the reasons; then how many more there are."""
    shown = machine.troubles[:_MOST_TROUBLES]
    return [(each, _shortened(each["detail"] or each["state"].replace("_", " "))) for each in shown]


def _shortened(text: str) -> str:
    return text if len(text) <= _MOST_LETTERS else f"{text[:_MOST_LETTERS]}…"


PAGES = (
    PageRoute("GET", "/prefetch", rules, label="Prefetch", query=RulesParameters),
    PageRoute("GET", "/prefetch/machines", machines, query=MachinesParameters),
    PageRoute("GET", "/prefetch/{pk}", rule, query=RuleParameters),
)
