"""The routes of registry credentials: the list without passwords, rotation, and a file for docker."""

from typing import Annotated

from pydantic import Field
from starlette.responses import Response

from bayplan.schemas.credentials import RegistryCredentialsAnswer, Rotation, RotationAnswer
from bayplan.server.auth.access import STAFF, STAFF_AND_WORKERS
from bayplan.server.context import Context
from bayplan.server.credentials import queries
from bayplan.server.disclosing import disclosing
from bayplan.server.http.openapi import NOT_KEPT
from bayplan.server.http.parameters import NoParameters, Parameters, one_of
from bayplan.server.http.responses import UNCACHED, Json
from bayplan.server.http.route import Call, Route
from bayplan.server.registry_hosts import queries as registry_hosts

_TAGS = ("registry credentials",)


class FormatParameters(Parameters):
    """Which program the file is for."""

    format: Annotated[str, one_of("docker", "kubernetes")] = Field(
        "docker", description="The program that reads the file."
    )


async def overview(context: Context, _call: Call[NoParameters, None]) -> Response:
    """Answers with all credentials, without passwords."""
    return Json(await queries.overview(context.db, context.keyring), headers=UNCACHED)


async def rotate(context: Context, call: Call[NoParameters, Rotation]) -> Response:
    """Answers how many images have the new password."""
    return Json(await registry_hosts.rotate(context, call.principal, call.body), headers=UNCACHED)


async def config(context: Context, call: Call[FormatParameters, None]) -> Response:
    """Answers with an image's credentials as a file."""
    disclosure = context.disclosure()
    is_for_kubernetes = call.query.format == "kubernetes"
    content = await queries.file_for_image(context.db, call.pk, disclosure, kubernetes=is_for_kubernetes)
    return await disclosing(context, call, "docker_config", disclosure, Json(content, headers=UNCACHED))


ROUTES = (
    Route(
        "GET",
        "/v1/credentials",
        overview,
        STAFF,
        "List the registry credentials",
        "Gives the credentials of all images by registry and user name, with the number of images and the time of the "
        "last successful use. It gives no passwords. Staff only.",
        "credentials",
        _TAGS,
        answer=list[RegistryCredentialsAnswer],
        headers=NOT_KEPT,
    ),
    Route(
        "POST",
        "/v1/credentials/rotate",
        rotate,
        STAFF,
        "Give registry credentials another password",
        "Changes the password, and with `new_username` the user name, of all images with these credentials at once. "
        "Unless `check` is false, the server tries the new credentials at the registry first. Staff only.",
        "rotate_credentials",
        _TAGS,
        body=Rotation,
        example={
            "registry": "registry.example.org:5000",
            "registry_username": "robot",
            "registry_password": "the new password",
        },
        answer=RotationAnswer,
        errors=(404, 502, 504),
        headers=NOT_KEPT,
        most_at_once=None,
    ),
    Route(
        "GET",
        "/v1/docker/{pk}/docker-config",
        config,
        STAFF_AND_WORKERS.saying("Only staff and workers get registry credentials: ask staff, or log in as staff."),
        "Load the registry credentials of an image as a file for docker",
        "Gives a `config.json` for docker, podman and skopeo or, with `format=kubernetes`, a Secret for "
        "`imagePullSecrets`. Staff and workers only.",
        "docker_config",
        _TAGS,
        query=FormatParameters,
        answer={"type": "object"},
        errors=(404,),
        headers=NOT_KEPT,
    ),
)
