"""How images stand with their registries: shown, and looked at again on request."""

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from bayplan.schemas.checks import CheckCounts, ChecksRequest, FailingImage, ImageChecks, RequestedChecks
from bayplan.schemas.common import NoFields
from bayplan.server.auth.principal import Principal
from bayplan.server.checks import queries as check_queries
from bayplan.server.checks.scheduler import CheckScheduler
from bayplan.server.context import Context
from bayplan.server.http.openapi import IF_NONE_MATCH, PAGE, PK, action, reference
from bayplan.server.http.parsing import moment, pk_of, query, whole_number
from bayplan.server.http.responses import Json, fingerprinted, page_headers

_SINCE = {
    "name": "since",
    "in": "query",
    "schema": {"type": "string", "format": "date-time"},
    "description": "Count the images that were looked at from then on, as `checked`.",
}


def checks_router(context: Context, checker: CheckScheduler) -> APIRouter:
    """Gives those routes."""
    router = APIRouter(prefix="/v1/docker", tags=["docker images"])

    async def load(request: Request) -> Response:
        principal = await context.principal(request, workers=True)
        query(request)
        return await answer(request, principal)

    async def look(request: Request) -> Response:
        principal = await context.principal(request)
        principal.require_staff()
        query(request)
        await context.no_fields(request, principal)
        await checker.check_now(pk_of(request))
        return await answer(request, principal)

    async def answer(request: Request, principal: Principal) -> Response:
        return fingerprinted(
            request, await check_queries.load(context.db, pk_of(request), sees_credentials=principal.sees_credentials)
        )

    async def ask(request: Request) -> Response:
        principal = await context.principal(request)
        principal.require_staff()
        query(request)
        given = await context.read(request, principal, ChecksRequest)
        at, images = await checker.request(not_ok_only=given.which == "not_ok")
        return Json({"asked": at, "images": images}, 202)

    async def count(request: Request) -> Response:
        principal = await context.principal(request)
        principal.require_staff()
        return Json(await check_queries.counts(context.db, moment(query(request, "since"), "since")))

    async def list_(request: Request) -> Response:
        principal = await context.principal(request)
        given = query(request, "limit", "offset")
        limit, offset = whole_number(given, "limit", least=1), whole_number(given, "offset", least=0) or 0
        await context.no_fields(request, principal)
        page = await check_queries.troubles(context.db, limit, offset, sees_credentials=principal.sees_credentials)
        headers = {} if page.total is None else page_headers(request, given, page.total, limit, offset)
        return fingerprinted(request, page.body, headers)

    for path, method, handler, words in (
        (
            "/{pk:pk}/checks",
            "GET",
            load,
            action(
                "How an image stands with its registry",
                text="Gives the state that the last look found, since when, and its history, newest first.",
                name="load_checks",
                answer=reference(ImageChecks),
                errors=[404],
                parameters=[PK, IF_NONE_MATCH],
                conditional=True,
            ),
        ),
        (
            "/{pk:pk}/checks",
            "POST",
            look,
            action(
                "Look at an image in its registry now",
                text="Asks the registry, with the image's own log-in, which digest its reference points to now; only where that "
                "is another one, the image is read. What stood in the way is an answer too. Staff only.",
                name="check",
                body=NoFields,
                body_required=False,
                answer=reference(ImageChecks),
                errors=[404, 409],
                parameters=[PK],
            ),
        ),
        (
            "/checks",
            "POST",
            ask,
            action(
                "Have images looked at in their registries",
                text="Makes images due for a look, all or those not known to be ok, and does not wait for it: the answer's "
                "`asked` is the `since` of `GET /v1/docker/checks`. Staff only.",
                name="ask_checks",
                status=202,
                body=ChecksRequest,
                example={"which": "not_ok"},
                answer=reference(RequestedChecks),
            ),
        ),
        (
            "/checks",
            "GET",
            count,
            action(
                "How many images stand how with their registries",
                name="count_checks",
                answer=reference(CheckCounts),
                parameters=[_SINCE],
            ),
        ),
        (
            "/checks/list",
            "POST",
            list_,
            action(
                "List the images that are not ok",
                text="Gives the images that were looked at and are not ok, those that have been so for the longest time first.",
                name="list_checks",
                body=NoFields,
                body_required=False,
                example={},
                answer={"type": "array", "items": reference(FailingImage)},
                parameters=[*PAGE, IF_NONE_MATCH],
                conditional=True,
            ),
        ),
    ):
        router.add_api_route(path, handler, methods=[method], **words)
    return router
