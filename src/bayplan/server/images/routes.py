"""The routes of images alone: reinstating, removing for good, and facts."""

from starlette.responses import Response

from bayplan.schemas.docker import ImageAnswer
from bayplan.schemas.facts import FactsAnswer, FactsPatch
from bayplan.server.auth.access import CATALOGUE_STAFF, EVERYONE
from bayplan.server.context import Context
from bayplan.server.crud.queries import Sender
from bayplan.server.http.openapi import IF_MATCH, TAGGED
from bayplan.server.http.parameters import ExpandParameters, NoParameters, expanding
from bayplan.server.http.responses import Json, tagged
from bayplan.server.http.route import Call, Route
from bayplan.server.images import queries

_TAGS = ("docker images",)
_EXPAND = expanding(ExpandParameters, "docker")


async def reinstate(context: Context, call: Call[ExpandParameters, None]) -> Response:
    """Answers with the reinstated image."""
    sender = Sender(call.principal, call.address)
    image = await queries.reinstate(context, sender, call.pk, call.query.expand, if_match=call.if_match)
    return tagged(call.request, image.content, image.tag)


async def erase(context: Context, call: Call[ExpandParameters, None]) -> Response:
    """Answers with the removed image."""
    sender = Sender(call.principal, call.address)
    return Json(await queries.erase(context, sender, call.pk, call.query.expand, if_match=call.if_match))


async def load_facts(context: Context, call: Call[NoParameters, None]) -> Response:
    """Answers with an image's facts."""
    facts = await queries.load_facts(context, call.pk)
    return tagged(call.request, facts.content, facts.tag)


async def patch_facts(context: Context, call: Call[NoParameters, FactsPatch]) -> Response:
    """Answers with an image's facts after a change by staff."""
    values = call.body.model_dump(exclude_unset=True)
    await queries.change_facts(context, call.principal, call.pk, values, if_match=call.if_match)
    facts = await queries.load_facts(context, call.pk)
    return tagged(call.request, facts.content, facts.tag)


ROUTES = (
    Route(
        "GET",
        "/v1/docker/{pk}/facts",
        load_facts,
        EVERYONE,
        "The facts about an image",
        "Gives every fact that the rules read and that is not a field of the image, with its sources.",
        "load_facts",
        _TAGS,
        answer=FactsAnswer,
        errors=(404,),
        conditional=True,
    ),
    Route(
        "PATCH",
        "/v1/docker/{pk}/facts",
        patch_facts,
        CATALOGUE_STAFF,
        "Enter facts about an image",
        "Enters facts that staff know of an image; null removes an entry. Staff only.",
        "patch_facts",
        _TAGS,
        body=FactsPatch,
        example={"kernel_architectures": ["8.0", "8.6", "9.0"], "compiles_at_runtime": False},
        answer=FactsAnswer,
        errors=(404, 409, 412),
        if_match=IF_MATCH,
        headers=TAGGED,
    ),
    Route(
        "DELETE",
        "/v1/docker/{pk}/reinstate",
        reinstate,
        CATALOGUE_STAFF,
        "Bring a deleted docker image back",
        "Reinstates an image that was deleted. The answer is 409 if another image has its name and version. Staff only.",
        "reinstate_docker",
        _TAGS,
        query=_EXPAND,
        answer=ImageAnswer,
        errors=(404, 409, 412),
        if_match=IF_MATCH,
        headers=TAGGED,
    ),
    Route(
        "DELETE",
        "/v1/docker/{pk}/hard",
        erase,
        CATALOGUE_STAFF,
        "Remove a docker image for good",
        "Removes an image, deleted or not, with its facts, for good. The answer is the image. Staff only.",
        "hard_delete_docker",
        _TAGS,
        query=_EXPAND,
        answer=ImageAnswer,
        errors=(404, 412),
        if_match=IF_MATCH,
    ),
)
