"""The whole catalogue at once: applying a document to it, and reading it out as one."""

from pydantic import Field
from starlette.responses import Response

from bayplan.errors import Forbidden
from bayplan.schemas.catalogue import Document, PlanAnswer
from bayplan.server.auth.access import CATALOGUE_STAFF
from bayplan.server.catalogue_file import queries
from bayplan.server.context import Context
from bayplan.server.disclosing import disclosing
from bayplan.server.http.openapi import NOT_KEPT
from bayplan.server.http.parameters import Flag, Parameters
from bayplan.server.http.responses import Json
from bayplan.server.http.route import Call, Route

# A document holds a whole catalogue, and only staff may send one: it may be so many times larger than other bodies.
_DOCUMENT_TIMES = 8


class ApplyParameters(Parameters):
    """How a document is applied."""

    dry_run: Flag = Field(False, description="Show what would change, and change nothing.")
    prune: Flag = Field(
        False,
        description="Remove what the document's sections do not name. Users are deactivated; what deleted images "
        "refer to stays, and so do rows that bayplan ships.",
    )


class ExportParameters(Parameters):
    """What an export holds."""

    secrets: Flag = Field(False, description="With the registry credentials.")


async def apply(context: Context, call: Call[ApplyParameters, Document]) -> Response:
    """Answers with what changed, or would."""
    query = call.query
    plan = await queries.apply_document(
        context, call.principal, call.body, prune=query.prune, dry_run=query.dry_run, if_version=call.if_match
    )
    return Json(plan, headers={"ETag": f'"{plan["version"]}"'})


async def export(context: Context, call: Call[ExportParameters, None]) -> Response:
    """Answers with the document."""
    if call.query.secrets and not call.principal.sees_credentials:
        raise Forbidden(
            "A token for programs gets no registry credentials. Log in with a user name and a password, and "
            "export again."
        )
    disclosure = context.disclosure()
    document = await queries.export_document(context, call.principal, disclosure, secrets=call.query.secrets)
    return await disclosing(context, call, "export", disclosure, Json(document))


ROUTES = (
    Route(
        "POST",
        "/v1/catalogue/apply",
        apply,
        CATALOGUE_STAFF,
        "Apply a document to the catalogue",
        "Adds and changes the objects of the document and, with `prune`, removes all others of its sections; all of it or "
        "nothing. A field that an entry does not mention stays as it is. Staff only; the section `users` needs a session.",
        "apply",
        ("catalogue",),
        query=ApplyParameters,
        body=Document,
        body_limit=lambda most_bytes: _DOCUMENT_TIMES * most_bytes,
        example={"frameworks": [{"name": "PyTorch", "version": "2.4.1"}]},
        answer=PlanAnswer,
        errors=(409, 412, 429),
        if_match="The `version` of a dry run. The answer is 412 if the catalogue was changed since.",
        headers=("ETag",),
    ),
    Route(
        "GET",
        "/v1/catalogue/export",
        export,
        CATALOGUE_STAFF,
        "Export the catalogue as a document",
        "Gives all objects in create bodies with natural keys, without what bayplan ships and without passwords of users: "
        "applying it again changes nothing. Staff only; by a token for a program it is without users.",
        "export",
        ("catalogue",),
        query=ExportParameters,
        answer=Document,
        headers=NOT_KEPT,
    ),
)
