"""The route of what-if."""

from collections.abc import Mapping, Sequence

import orjson
from starlette.responses import Response

from bayplan.domain.compatibility.verdict import Grade
from bayplan.domain.compatibility.what_if import Fleet, ImagesChange
from bayplan.schemas.what_if import WhatIfAnswer, WhatIfRequest
from bayplan.server.auth.access import USERS
from bayplan.server.context import Context
from bayplan.server.http.openapi import NOT_KEPT
from bayplan.server.http.parameters import NoParameters
from bayplan.server.http.responses import json_answer
from bayplan.server.http.route import Call, Route
from bayplan.server.matching.queries import reason_answer
from bayplan.server.what_if import queries


async def what_if(context: Context, call: Call[NoParameters, WhatIfRequest]) -> Response:
    """Answers with what changes would lead to."""
    version, before, after, answer = await queries.ask(context, call.principal, call.body, call.version)
    content = {
        "version": version,
        "before": _side(before, answer.before),
        "after": _side(after, answer.after),
        "images": {"gained": _images(answer.images_gained), "lost": _images(answer.images_lost)},
        "nodes": {
            "gained": [queries.nodes_change_answer(change) for change in answer.nodes_gained],
            "lost": [queries.nodes_change_answer(change) for change in answer.nodes_lost],
        },
    }
    return json_answer(orjson.dumps(content))


def _side(fleet: Fleet, grades: Mapping[Grade, int]) -> dict[str, object]:
    return {
        "images": len(fleet.index),
        "nodes": len(fleet.nodes),
        "grades": {str(grade): count for grade, count in grades.items()},
    }


def _images(changes: Sequence[ImagesChange]) -> list[dict[str, object]]:
    return [
        {
            "images": list(change.images),
            "nodes": change.nodes,
            "node": change.node,
            "grade": change.grade,
            "reasons": [reason_answer(reason) for reason in change.reasons],
        }
        for change in changes
    ]


ROUTES = (
    Route(
        "POST",
        "/v1/docker/what-if",
        what_if,
        USERS.within("match"),
        "What changes would lead to",
        "Gives the verdicts by grade before and after changes of nodes and images, which images gain or lose their last node, and "
        "which nodes gain or lose their last image for a task, with the reasons. Nothing is stored.",
        "what_if",
        ("docker images",),
        body=WhatIfRequest,
        example={"changes": [{"set": {"driver_version": "580.95.05"}}]},
        answer=WhatIfAnswer,
        headers=NOT_KEPT,
        most_at_once=2,
    ),
)
