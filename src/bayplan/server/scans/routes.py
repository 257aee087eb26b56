"""The routes of scans."""

from starlette.responses import Response

from bayplan.schemas.scans import MOST_REPORT_BYTES, ScanAnswer, ScanJobAnswer, ScanReport, ScanRequest
from bayplan.server.auth.access import CATALOGUE_STAFF, EVERYONE, STAFF_AND_WORKERS, USERS
from bayplan.server.context import Context
from bayplan.server.http.parameters import NoParameters
from bayplan.server.http.responses import Json
from bayplan.server.http.route import Call, Route
from bayplan.server.scans import queries

_TAGS = ("docker images",)
_DIGEST = {
    "schema": {"type": "string", "pattern": "^sha(256:[0-9a-f]{64}|512:[0-9a-f]{128})$"},
    "description": "The digest of the image for one platform, or of an index.",
    "example": "sha256:" + 64 * "0",
}


async def load(context: Context, call: Call[NoParameters, None]) -> Response:
    """Answers with the scan of a digest."""
    return Json(await queries.load(context, call.principal, call.request.path_params["digest"]))


async def report(context: Context, call: Call[NoParameters, ScanReport]) -> Response:
    """Stores a scan, and answers with what is stored of that digest."""
    digest = call.request.path_params["digest"]
    return Json(await queries.report(context, call.principal, digest, call.body))


async def request(context: Context, call: Call[NoParameters, ScanRequest]) -> Response:
    """Asks for a scan by the server, and answers with its state."""
    return Json(await queries.request(context, call.principal, call.pk, call.body.architecture), 202)


async def job(context: Context, call: Call[NoParameters, None]) -> Response:
    """Answers with the state of the last scan by the server."""
    return Json(await queries.job(context, call.pk))


ROUTES = (
    Route(
        "POST",
        "/v1/docker/{pk}/scan",
        request,
        CATALOGUE_STAFF,
        "Scan an image in its registry",
        "Has the server read the files of an image, in its registry and with the image's credentials. It takes about as "
        "long as to pull the image; GET gives the progress. A scan that runs already goes on. Staff only.",
        "request_scan",
        _TAGS,
        body=ScanRequest,
        body_required=False,
        example={"architecture": "amd64"},
        answer=ScanJobAnswer,
        status=202,
        errors=(404, 409),
    ),
    Route(
        "GET",
        "/v1/docker/{pk}/scan",
        job,
        USERS,
        "The progress of the scan of an image",
        "Gives the state of the last scan of an image that staff asked for: `waiting`, `running`, `done` or `failed`.",
        "load_scan_job",
        _TAGS,
        answer=ScanJobAnswer,
        errors=(404,),
    ),
    Route(
        "GET",
        "/v1/scans/{digest}",
        load,
        EVERYONE,
        "Load the scan of an image",
        "Gives the scan of the image with that digest: facts, each with the file that shows it, and packages. The answer "
        "is 404 with the code `not_scanned` if there is no scan.",
        "load_scan",
        _TAGS,
        answer=ScanAnswer,
        errors=(404,),
        path_schema=_DIGEST,
    ),
    Route(
        "PUT",
        "/v1/scans/{digest}",
        report,
        STAFF_AND_WORKERS.within("apply").saying(
            "Only staff and workers may report scans: ask staff, or log in as staff."
        ),
        "Report the scan of an image",
        "Stores the scan of the image with that digest, once. Another report of the same reader changes nothing, and its "
        "answer is the stored scan. The facts go to every image with the digest. Workers may report the digests of "
        "images of the catalogue. Staff and workers only.",
        "report_scan",
        _TAGS,
        body=ScanReport,
        body_limit=lambda most_bytes: min(most_bytes, MOST_REPORT_BYTES),
        example={"architecture": "amd64", "facts": {}},
        answer=ScanAnswer,
        errors=(409,),
        path_schema=_DIGEST,
        most_at_once=8,
    ),
)
