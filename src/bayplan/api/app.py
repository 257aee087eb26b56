"""Wires the application together, and nothing else."""

import secrets
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import fastapi_offline
from fastapi import FastAPI
from fastapi.openapi.docs import get_swagger_ui_html
from starlette.requests import Request
from starlette.responses import Response
from starlette.staticfiles import StaticFiles

import bayplan
from bayplan.api import describe, errors, passwords
from bayplan.api.answers import Json
from bayplan.api.audit import audit_router
from bayplan.api.auth import auth_router
from bayplan.api.catalogue import catalogue_router
from bayplan.api.checking import Checker
from bayplan.api.checks import checks_router
from bayplan.api.credentials import credentials_router
from bayplan.api.crud import crud_router
from bayplan.api.docker import docker_router
from bayplan.api.extras import extras_router
from bayplan.api.inspection import inspection_router
from bayplan.api.judging import Judge
from bayplan.api.nodes import nodes_router
from bayplan.api.paths import TidyPaths
from bayplan.api.prefetch import prefetch_router
from bayplan.api.registries import Registries
from bayplan.api.resources import RESOURCES
from bayplan.api.runtime import Runtime, now
from bayplan.api.stowage import Stowage
from bayplan.api.tokens import Tokens
from bayplan.api.trail import Trail
from bayplan.api.workers import workers_router
from bayplan.config import Settings
from bayplan.db import schema, secrets_rotation, seed
from bayplan.db.engine import open_database
from bayplan.db.keyring import Keyring, signing_key
from bayplan.errors import CannotStart

_SHORTEST_PASSWORD = 8  # as for every user
_SWAGGER = Path(fastapi_offline.__file__).parent / "static"


def open_runtime(settings: Settings) -> Runtime:
    """Gives what a server holds, with the keys made where there are none; raises `CannotStart`."""
    given = settings.signing_key
    db = open_database(settings.database_url, connections=settings.database_connections)
    return Runtime(
        settings,
        db,
        Keyring(
            settings.secrets_key.get_secret_value() if settings.secrets_key else None, settings.home / "secrets.key"
        ),
        Tokens(
            signing_key(given.get_secret_value() if given else None, settings.home / "signing.key"),
            timedelta(minutes=settings.access_token_minutes),
            timedelta(days=settings.refresh_token_days),
        ),
        Registries(settings),
        Trail(db, settings.audit_days),
    )


async def prepare(runtime: Runtime) -> None:
    """Brings the database to the schema of this program and fills a new one, saying the admin's password if it made one up.

    Raises `CannotStart` for a password that is too short, and where the database or the keys are not what they have to be.
    """
    await schema.upgrade(runtime.db)
    await secrets_rotation.check_keys(runtime.db, runtime.keyring)
    if await runtime.db.version() > 0:
        return
    given = runtime.settings.admin_password
    if given and len(given.get_secret_value()) < _SHORTEST_PASSWORD:
        raise CannotStart(f"BAYPLAN_ADMIN_PASSWORD: must have {_SHORTEST_PASSWORD} or more characters.")
    password = given.get_secret_value() if given else secrets.token_urlsafe(12)
    filled = await seed.fill(runtime.db, await passwords.hash_of(password), now(), runtime.settings.tables)
    if filled and not given:
        print(f"The first user is 'admin', the password: {password}\nIt is not shown again.", flush=True)


def create_app(settings: Settings) -> FastAPI:
    """Gives the application; its lifespan opens the database, brings it up to date, and closes it."""
    runtime = open_runtime(settings)
    checker = Checker(settings, runtime.db, runtime.keyring, runtime.registries)

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncGenerator[None]:
        try:
            await prepare(runtime)
            checker.start()
            yield
        finally:
            await checker.stop()
            await runtime.registries.close()
            await runtime.trail.close()
            await runtime.db.close()

    app = FastAPI(
        title="bayplan",
        summary="Which docker image runs on which worker, and why the others do not.",
        version=bayplan.__version__,
        license_info={"name": "Apache-2.0", "identifier": "Apache-2.0"},
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        lifespan=lifespan,
    )
    errors.install(app)
    app.add_middleware(TidyPaths)
    judge = Judge(runtime)
    # Routes are tried in this order: what workers ask most comes first.
    images, *others = RESOURCES
    app.include_router(crud_router(images, runtime))
    app.include_router(docker_router(runtime, judge))
    app.include_router(inspection_router(runtime))
    app.include_router(credentials_router(runtime))
    app.include_router(audit_router(runtime))
    app.include_router(checks_router(runtime, checker))
    app.include_router(nodes_router(runtime, judge))
    app.include_router(prefetch_router(runtime, Stowage(runtime, judge)))
    app.include_router(workers_router(runtime))
    app.include_router(auth_router(runtime))
    for resource in others:
        app.include_router(crud_router(resource, runtime))
    app.include_router(extras_router(runtime))
    app.include_router(catalogue_router(runtime))
    _add_health(app, runtime)
    _add_documentation(app)
    return app


def _add_health(app: FastAPI, runtime: Runtime) -> None:
    async def healthz(_request: Request) -> Response:
        return Json({"status": "ok", "version": bayplan.__version__})

    async def readyz(_request: Request) -> Response:
        return Json({"status": "ready", "catalogue_version": await runtime.db.version()})

    for path, handler, words in (
        ("/healthz", healthz, "The process is alive"),
        ("/readyz", readyz, "The database answers"),
    ):
        documented = describe.action(words, name=path[1:], answer={"type": "object"}, public=True)
        app.add_api_route(path, handler, methods=["GET"], tags=["health"], **documented)


def _add_documentation(app: FastAPI) -> None:
    app.mount("/docs/assets", StaticFiles(directory=_SWAGGER), name="assets")

    async def docs(_request: Request) -> Response:
        return get_swagger_ui_html(
            openapi_url="/openapi.json",
            title="bayplan: the API",
            swagger_js_url="/docs/assets/swagger-ui-bundle.js",
            swagger_css_url="/docs/assets/swagger-ui.css",
            swagger_favicon_url="data:,",
        )

    app.add_api_route("/docs", docs, methods=["GET"], include_in_schema=False)
    plain = app.openapi

    def with_components() -> dict[str, Any]:
        if app.openapi_schema is None:
            document = plain()
            parts = document.setdefault("components", {})
            parts["schemas"] = describe.components()
            parts["securitySchemes"] = {"bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}}
            app.openapi_schema = document
        return app.openapi_schema

    app.openapi = with_components  # type: ignore[method-assign]  # FastAPI's documented way to extend its OpenAPI
