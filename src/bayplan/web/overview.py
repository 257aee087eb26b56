"""The overview: what needs a person first, then how much there is; and how to begin where there is nothing."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from urllib.parse import quote

from starlette.responses import Response

from bayplan.domain.outdated import OutdatedCode
from bayplan.errors import Conflict
from bayplan.server.auth.access import STAFF
from bayplan.server.context import Context
from bayplan.server.examples import queries as examples
from bayplan.server.http.parameters import NoParameters
from bayplan.server.overview import queries
from bayplan.server.overview.queries import MOST_NAMED, Overview
from bayplan.web.formats import ago, count
from bayplan.web.page import PageCall, PageRoute
from bayplan.web.rendering import rendered, see_other

# The states of failing images, those first that a person has to mend.
_CHECK_STATES = (
    ("missing", "bad", "missing in the registry"),
    ("moved", "warn", "moved: the tag points to something else"),
    ("denied", "bad", "denied by the registry"),
    ("unreachable", "warn", "in a registry that does not answer"),
)


@dataclass(frozen=True, slots=True)
class Link:
    """A word, and the path that it leads to."""

    word: str
    path: str


@dataclass(frozen=True, slots=True)
class Attention:
    """Something that a person has to mend: a sentence, the page that shows all of it, and the first objects that it is about."""

    tone: str
    sentence: str
    path: str
    named: Sequence[Link] = ()
    more: int = 0


async def overview(context: Context, call: PageCall[NoParameters]) -> Response:
    """Shows the overview."""
    state = await queries.overview(context, call.principal, call.version)
    is_empty = not state.images and not sum(state.nodes.values()) and await examples.is_empty(context.db)
    return await rendered(
        context, call, "overview.html", "Overview", state=state, attention=list(_attention(state)), is_empty=is_empty
    )


async def load_examples(context: Context, call: PageCall[NoParameters]) -> Response:
    """Loads the examples."""
    try:
        await examples.load_examples(context, call.principal)
    except Conflict as error:
        return see_other(call.request, "/", error.detail)
    return see_other(call.request, "/", "The example catalogue and fleet are loaded.")


def _attention(state: Overview) -> Iterator[Attention]:
    yield from _failing(state)
    if state.verdicts is not None and state.images:
        stranded = state.verdicts.stranded_kinds
        nodes = sum(len(kind.nodes) for kind, _ in stranded)
        if nodes:
            named = [Link(title, f"/nodes/{kind.nodes[0]}") for kind, title in stranded[:MOST_NAMED]]
            yield Attention(
                "bad",
                f"{count(nodes, 'node')} on which no image runs",
                "/nodes/stranded",
                named,
                len(stranded) - len(named),
            )
    if state.refused:
        links = [
            Link(f"{each.username} at {each.registry} ({ago(each.last_refused)})", "/registries")
            for each in state.refused
        ]
        shown = links[:MOST_NAMED]
        sentence = f"{count(len(links), 'user name')} that a registry refuses"
        path = "/registries?refused=true#credentials"
        yield Attention("bad", sentence, path, shown, len(links) - len(shown))
    if state.workers["fault"]:
        yield Attention("warn", f"{count(state.workers['fault'], 'worker')} with a fault", "/nodes/workers?fault=true")
    if state.nodes["silent"]:
        yield Attention(
            "warn",
            f"{count(state.nodes['silent'], 'node')} silent: no heartbeat in five minutes",
            "/nodes?silent=true",
        )
    yield from _ends(state)


def _failing(state: Overview) -> Iterator[Attention]:
    for name, tone, words in _CHECK_STATES:
        number = state.check_states[name]
        if number:
            images = [image for image in state.failing if image["state"] == name][:MOST_NAMED]
            named = [Link(f"{image['name']}:{image['version']}", f"/images/{image['image']}") for image in images]
            yield Attention(
                tone, f"{count(number, 'image')} {words}", f"/images?state={quote(name)}", named, number - len(named)
            )


def _ends(state: Overview) -> Iterator[Attention]:
    ends = state.ends
    named = [
        Link(f"{image.name}:{image.version} ({image.last_day.isoformat()})", f"/images/{image.pk}")
        for image in ends.first
    ]
    if ends.past:
        yield Attention(
            "warn",
            f"{count(ends.past, 'image')} past the end of life",
            f"/images/outdated?reason={OutdatedCode.END_OF_LIFE}",
            named[: ends.past],
            max(0, ends.past - len(named)),
        )
    if ends.soon:
        shown = named[ends.past :]
        yield Attention(
            "plain",
            f"{count(ends.soon, 'image')} that will be past the end of life within 90 days",
            f"/images/outdated?reason={OutdatedCode.END_OF_LIFE_SOON}",
            shown,
            ends.soon - len(shown),
        )


PAGES = (
    PageRoute("GET", "/", overview, label="Overview"),
    PageRoute("POST", "/examples", load_examples, STAFF, most_at_once=2),
)
