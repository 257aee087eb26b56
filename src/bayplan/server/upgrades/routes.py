"""The route of driver upgrades."""

import asyncio

from starlette.responses import Response

from bayplan.schemas.upgrades import UpgradesAnswer
from bayplan.server.auth.access import USERS
from bayplan.server.context import Context
from bayplan.server.http.compressed import compressed, compressed_answer
from bayplan.server.http.openapi import PACKED
from bayplan.server.http.parameters import NoParameters
from bayplan.server.http.responses import fingerprint
from bayplan.server.http.route import Call, Route
from bayplan.server.kept_answers import KeptAnswer
from bayplan.server.matching.queries import today
from bayplan.server.upgrades import queries

_QUESTION_BYTES = 100


async def upgrades(context: Context, call: Call[NoParameters, None]) -> Response:
    """Answers with the driver upgrades worth making, kept while the catalogue's version and the day stay."""
    question = ("upgrades", today())
    kept = context.kept_matrices.get(question, call.version)
    if kept is None:
        fleet = await queries.fleet_upgrades(context, call.version)
        packed = await asyncio.to_thread(lambda: compressed(fleet.parts()))
        kept = KeptAnswer(call.version, fingerprint(packed), packed, {})
        context.kept_matrices.keep(question, kept, _QUESTION_BYTES)
    return await compressed_answer(call.request, kept.body, kept.tag)


ROUTES = (
    Route(
        "GET",
        "/v1/nodes/upgrades",
        upgrades,
        USERS.within("match"),
        "The driver upgrades worth making",
        "Gives, for each kind of nodes that offer the same, the maintained driver branches that support its GPU: which images each "
        "unlocks, makes native and breaks, with its end of life. The smallest comes first, and the best is marked.",
        "node_upgrades",
        ("nodes",),
        answer=UpgradesAnswer,
        conditional=True,
        headers=PACKED,
        most_at_once=2,
    ),
)
