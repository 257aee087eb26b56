"""The field that names a kind of nodes: its options, and the kind that it means."""

from bayplan.domain.compatibility.groups import KindOfNodes
from bayplan.domain.nearest import did_you_mean
from bayplan.errors import Invalid
from bayplan.server.context import Context
from bayplan.web.formats import short

_MOST_KINDS = 250
"""The kinds that can be chosen from the list, those with the most nodes."""
_MOST_LETTERS = 100
"""The letters of a title in the list."""


async def kind_options(context: Context, version: int, chosen: str) -> list[tuple[str, str]]:
    """Gives the options of the field: (identifier, title with the number of nodes), with the chosen kind among them."""
    fleet = await context.kinds.at(version)
    largest = set(sorted(range(len(fleet.kinds)), key=lambda place: -fleet.sizes[place])[:_MOST_KINDS])
    if (place := fleet.by_identifier.get(chosen)) is not None:
        largest.add(place)
    return [
        (fleet.kinds[place].identifier, f"{short(fleet.titles[place], _MOST_LETTERS)} ({fleet.sizes[place]:,})")
        for place in sorted(largest)
    ]


async def kind_named(context: Context, version: int, text: str) -> KindOfNodes:
    """Gives the kind with that identifier or title; raises `Invalid` at `kind`."""
    fleet = await context.kinds.at(version)
    if text in fleet.by_identifier:
        return fleet.kinds[fleet.by_identifier[text]]
    if text in fleet.titles:
        return fleet.kinds[list(fleet.titles).index(text)]
    near = did_you_mean(text, fleet.titles) or "choose one of the list."
    raise Invalid.at("kind", "unknown_reference", f"There is no kind {text!r} now; {near}")
