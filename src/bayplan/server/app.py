"""Wires the application together, and nothing else."""

import asyncio
import secrets
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from time import monotonic

from starlette.types import ASGIApp

from bayplan.clock import Clock, SteadyClock, now, timestamp, utc_now
from bayplan.config import Settings
from bayplan.db import schema, seed
from bayplan.db.database import Database
from bayplan.db.engines import open_database
from bayplan.db.group_commit import GroupCommit
from bayplan.db.keyring import Keyring, signing_key
from bayplan.errors import CannotStart
from bayplan.server.audit.recorder import AuditRecorder
from bayplan.server.auth import accounts, login_limits, passwords
from bayplan.server.auth.authentication import Authenticator
from bayplan.server.auth.login_limits import LogInAttempt
from bayplan.server.auth.password_queue import PasswordQueue
from bayplan.server.auth.tokens import TokenIssuer
from bayplan.server.catalogue_file import comparison
from bayplan.server.checks.intervals import CheckIntervals
from bayplan.server.checks.scheduler import CheckScheduler
from bayplan.server.context import Context
from bayplan.server.history.retention import HistoryRetention
from bayplan.server.hourly_budget import HourlyBudget
from bayplan.server.http.application import Application
from bayplan.server.http.endpoint import endpoint
from bayplan.server.image_lists import ImageLists
from bayplan.server.images.rows import ImageTables
from bayplan.server.lifecycles.outdated import OutdatedImages
from bayplan.server.matching.kept_kinds import KeptKinds
from bayplan.server.matching.queries import Judge
from bayplan.server.matrix.whole import WholeMatrix
from bayplan.server.outages import Outages
from bayplan.server.prefetch.planner import PrefetchPlanner
from bayplan.server.registries import Registries
from bayplan.server.routes import ROUTES
from bayplan.server.scans.runner import ScanRunner
from bayplan.server.snapshot import ImageSnapshots
from bayplan.server.warm_up import warm_up
from bayplan.web.routes import PAGES
from bayplan.web.site import Site

_SHORTEST_PASSWORD = 8  # as for every user
_MOST_HEARTBEATS = 500
_INSPECTIONS_USED = (
    "You have used your inspections of this hour (the server's setting BAYPLAN_INSPECTIONS_PER_HOUR): try again in {seconds} "
    "seconds, or ask staff, who have no limit."
)
_MOST_FAILED_LOG_INS = 100


def open_context(
    settings: Settings,
    *,
    clock: Clock = utc_now,
    check_intervals: CheckIntervals | None = None,
    makes_files: bool = True,
) -> Context:
    """Gives the context of a server; makes database and keys where there are none, unless told not to; raises `CannotStart`."""
    key, secrets_key = settings.signing_key, settings.secrets_key
    db = open_database(settings.database_url, connections=settings.database_connections, makes_file=makes_files)
    keys = secrets_key.get_secret_value() if secrets_key else None
    keyring = Keyring(keys, settings.home / "secrets.key", makes_file=makes_files)
    tokens = TokenIssuer(
        signing_key(key.get_secret_value() if key else None, settings.home / "signing.key", makes_file=makes_files),
        timedelta(minutes=settings.access_token_minutes),
        timedelta(days=settings.refresh_token_days),
    )
    steady = SteadyClock(clock)
    registries, images, outages = Registries(settings), ImageSnapshots(db, keyring), Outages(db)
    judge = Judge(db, images, settings.tables)
    kinds = KeptKinds(db, judge)

    async def note_heartbeats(pks: Sequence[int]) -> str:
        await accounts.set_last_seen(db, pks, moment := now())
        return moment

    async def count_failed_log_ins(attempts: Sequence[LogInAttempt]) -> None:
        await login_limits.count_failures(db, attempts, int(clock().timestamp()))

    return Context(
        settings,
        db,
        outages,
        keyring,
        tokens,
        Authenticator(db, tokens),
        registries,
        AuditRecorder(db, settings.audit_days, lambda: timestamp(clock()), lambda: timestamp(steady())),
        images,
        judge,
        WholeMatrix(judge, kinds),
        kinds,
        OutdatedImages(db, judge, kinds),
        ImageLists(db, images, judge),
        ImageTables(db, judge),
        PrefetchPlanner(db, images, judge),
        CheckScheduler(settings, db, outages, keyring, registries, clock=clock, intervals=check_intervals),
        ScanRunner(db, outages, keyring, registries, clock),
        GroupCommit(note_heartbeats, _MOST_HEARTBEATS),
        GroupCommit(count_failed_log_ins, _MOST_FAILED_LOG_INS),
        PasswordQueue(max(1, passwords.THREADS // settings.processes)),
        HourlyBudget(max(1, settings.inspections_per_hour // settings.processes), monotonic, _INSPECTIONS_USED),
        HourlyBudget(max(1, comparison.MOST_IN_AN_HOUR // settings.processes), monotonic, comparison.REFUSAL),
        clock,
    )


async def prepare(db: Database, settings: Settings) -> None:
    """Upgrades the database's schema and fills a new database; prints the admin's password if it was generated.

    Raises `CannotStart` for a password that is too short.
    """
    await schema.upgrade(db)
    if await db.version() > 0:
        return
    setting = settings.admin_password
    if setting and len(setting.get_secret_value()) < _SHORTEST_PASSWORD:
        raise CannotStart(f"BAYPLAN_ADMIN_PASSWORD must have {_SHORTEST_PASSWORD} or more characters.")
    password = setting.get_secret_value() if setting else secrets.token_urlsafe(12)
    filled = await seed.fill(db, await passwords.hash_of(password), now(), settings.tables)
    if filled and not setting:
        print(f"The first user is 'admin', the password: {password}\nIt is not shown again.", flush=True)


async def close(context: Context) -> None:
    """Closes what a context has opened."""
    await context.scans.stop()
    await context.checks.stop()
    await context.registries.close()
    await context.audit.close()
    await context.authenticator.close()
    await context.outages.close()
    await context.db.close()


def create_app(
    settings: Settings,
    *,
    clock: Clock = utc_now,
    check_intervals: CheckIntervals | None = None,
    makes_files: bool = True,
) -> Application:
    """Gives the application; its lifespan opens the database, brings it up to date, and closes it."""
    context = open_context(settings, clock=clock, check_intervals=check_intervals, makes_files=makes_files)
    steady = SteadyClock(clock)
    retention = HistoryRetention(context.db, settings.history_days, lambda: timestamp(steady()))

    @asynccontextmanager
    async def lifespan(_app: ASGIApp) -> AsyncGenerator[None]:
        try:
            await prepare(context.db, settings)
            context.checks.start()
            context.scans.start()
            retention.start()
            warming = asyncio.create_task(warm_up(context))
            try:
                yield
            finally:
                warming.cancel()
                await asyncio.gather(warming, return_exceptions=True)
        finally:
            await retention.stop()
            await close(context)

    endpoints = [
        (route.method, route.path, endpoint(route, context, context.authenticator, settings.max_body_bytes))
        for route in ROUTES
    ]
    site = Site(context, PAGES)
    endpoints += site.endpoints()
    return Application(endpoints, lifespan, context.outages.cause, context.outages.report, site.shown)
