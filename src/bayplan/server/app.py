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
from bayplan.clock import Clock, now, utc_now
from bayplan.config import Settings
from bayplan.db import schema, seed
from bayplan.db.engines import open_database
from bayplan.db.keyring import Keyring, signing_key
from bayplan.errors import CannotStart
from bayplan.server.audit.recorder import AuditRecorder
from bayplan.server.audit.routes import audit_router
from bayplan.server.auth import passwords
from bayplan.server.auth.tokens import TokenIssuer
from bayplan.server.catalogue_file.routes import catalogue_router
from bayplan.server.checks.intervals import CheckIntervals
from bayplan.server.checks.routes import checks_router
from bayplan.server.checks.scheduler import CheckScheduler
from bayplan.server.context import Context
from bayplan.server.credentials import key_rotation
from bayplan.server.credentials.routes import credentials_router
from bayplan.server.fleet.node_routes import nodes_router
from bayplan.server.fleet.worker_routes import workers_router
from bayplan.server.http import errors, openapi
from bayplan.server.http.crud import crud_router
from bayplan.server.http.normalise_path import NormalisePath
from bayplan.server.http.resources import RESOURCES
from bayplan.server.http.responses import Json
from bayplan.server.images.routes import docker_router
from bayplan.server.inspections.routes import inspection_router
from bayplan.server.matching.queries import Judge
from bayplan.server.prefetch.planner import PrefetchPlanner
from bayplan.server.prefetch.routes import prefetch_router
from bayplan.server.reference_data.routes import extras_router
from bayplan.server.registries import Registries
from bayplan.server.sessions.routes import auth_router

_SHORTEST_PASSWORD = 8  # as for every user
_SWAGGER = Path(fastapi_offline.__file__).parent / "static"


def open_context(settings: Settings) -> Context:
    """Gives what a server holds, with the keys made where there are none; raises `CannotStart`."""
    given = settings.signing_key
    db = open_database(settings.database_url, connections=settings.database_connections)
    return Context(
        settings,
        db,
        Keyring(
            settings.secrets_key.get_secret_value() if settings.secrets_key else None, settings.home / "secrets.key"
        ),
        TokenIssuer(
            signing_key(given.get_secret_value() if given else None, settings.home / "signing.key"),
            timedelta(minutes=settings.access_token_minutes),
            timedelta(days=settings.refresh_token_days),
        ),
        Registries(settings),
        AuditRecorder(db, settings.audit_days),
    )


async def prepare(context: Context) -> None:
    """Brings the database to the schema of this program and fills a new one, saying the admin's password if it made one up.

    Raises `CannotStart` for a password that is too short, and where the database or the keys are not what they have to be.
    """
    await schema.upgrade(context.db)
    await key_rotation.check_keys(context.db, context.keyring)
    if await context.db.version() > 0:
        return
    given = context.settings.admin_password
    if given and len(given.get_secret_value()) < _SHORTEST_PASSWORD:
        raise CannotStart(f"BAYPLAN_ADMIN_PASSWORD: must have {_SHORTEST_PASSWORD} or more characters.")
    password = given.get_secret_value() if given else secrets.token_urlsafe(12)
    filled = await seed.fill(context.db, await passwords.hash_of(password), now(), context.settings.tables)
    if filled and not given:
        print(f"The first user is 'admin', the password: {password}\nIt is not shown again.", flush=True)


def create_app(settings: Settings, *, clock: Clock = utc_now, check_intervals: CheckIntervals | None = None) -> FastAPI:
    """Gives the application; its lifespan opens the database, brings it up to date, and closes it."""
    context = open_context(settings)
    checker = CheckScheduler(
        settings, context.db, context.keyring, context.registries, clock=clock, intervals=check_intervals
    )

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncGenerator[None]:
        try:
            await prepare(context)
            checker.start()
            yield
        finally:
            await checker.stop()
            await context.registries.close()
            await context.audit.close()
            await context.db.close()

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
    app.add_middleware(NormalisePath)
    judge = Judge(context)
    # Routes are tried in this order: what workers ask most comes first.
    images, *others = RESOURCES
    app.include_router(crud_router(images, context))
    app.include_router(docker_router(context, judge))
    app.include_router(inspection_router(context))
    app.include_router(credentials_router(context))
    app.include_router(audit_router(context))
    app.include_router(checks_router(context, checker))
    app.include_router(nodes_router(context, judge))
    app.include_router(prefetch_router(context, PrefetchPlanner(context, judge)))
    app.include_router(workers_router(context))
    app.include_router(auth_router(context))
    for resource in others:
        app.include_router(crud_router(resource, context))
    app.include_router(extras_router(context))
    app.include_router(catalogue_router(context))
    _add_health(app, context)
    _add_documentation(app)
    return app


def _add_health(app: FastAPI, context: Context) -> None:
    async def healthz(_request: Request) -> Response:
        return Json({"status": "ok", "version": bayplan.__version__})

    async def readyz(_request: Request) -> Response:
        return Json({"status": "ready", "catalogue_version": await context.db.version()})

    for path, handler, words in (
        ("/healthz", healthz, "The process is alive"),
        ("/readyz", readyz, "The database answers"),
    ):
        documented = openapi.action(words, name=path[1:], answer={"type": "object"}, public=True)
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
            parts["schemas"] = openapi.components()
            parts["securitySchemes"] = {"bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}}
            app.openapi_schema = document
        return app.openapi_schema

    app.openapi = with_components  # type: ignore[method-assign]  # FastAPI's documented way to extend its OpenAPI
