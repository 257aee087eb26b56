"""When tokens of programs were used last: written once a minute at most for each, and never while its request waits."""

import asyncio
import logging
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import sqlalchemy as sa

from bayplan.clock import timestamp
from bayplan.db import tables
from bayplan.db.compiled import CompiledStatement, is_one_of, pks_parameter
from bayplan.db.database import Database
from bayplan.db.group_commit import GroupCommit
from bayplan.errors import BayplanError

_log = logging.getLogger("bayplan")
EVERY_SECONDS = 60.0
_MOST_AT_ONCE = 500
_MOST_KEPT = 10_000
_TOKENS = tables.api_tokens
_TEXT = _TOKENS.c.last_used.type
# Locked in the same order, so that two server processes do not wait for each other.
_STALE = (
    sa.select(_TOKENS.c.pk)
    .where(
        is_one_of(_TOKENS.c.pk),
        sa.or_(_TOKENS.c.last_used.is_(None), _TOKENS.c.last_used <= sa.bindparam("before", type_=_TEXT)),
    )
    .order_by(_TOKENS.c.pk)
    .with_for_update(key_share=True)
)
_SET = CompiledStatement(
    sa.update(_TOKENS).where(_TOKENS.c.pk.in_(_STALE)).values(last_used=sa.bindparam("now", type_=_TEXT))
)


class TokenUses:
    """The last uses of tokens that a server process has seen."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._due: dict[int, float] = {}
        self._writes: GroupCommit[tuple[int, float], None] = GroupCommit(self._write, _MOST_AT_ONCE)
        self._waiting: set[asyncio.Task[None]] = set()

    def note(self, token: int, second: float) -> None:
        """Notes that a token is used in that second (since 1970)."""
        if second < self._due.get(token, 0.0):
            return
        if len(self._due) >= _MOST_KEPT:
            self._due.clear()
        self._due[token] = second + EVERY_SECONDS
        task = asyncio.create_task(self._written(token, second))
        self._waiting.add(task)
        task.add_done_callback(self._waiting.discard)

    async def close(self) -> None:
        """Waits a moment for what is being written."""
        await self._writes.close()
        for task in self._waiting:
            task.cancel()

    async def _written(self, token: int, second: float) -> None:
        try:
            await self._writes.written((token, second))
        except BayplanError as error:  # the requests go on: only the time of the last use is not the latest
            _log.debug("The last use of the token with pk %d is not stored: %s", token, error.detail)

    async def _write(self, uses: Sequence[tuple[int, float]]) -> None:
        moment = datetime.fromtimestamp(max(second for _, second in uses), UTC)
        parameters = {
            **pks_parameter(token for token, _ in uses),
            "now": timestamp(moment),
            "before": timestamp(moment - timedelta(seconds=EVERY_SECONDS)),
        }
        async with self._db.write(moves=False) as tx:
            await tx.execute(_SET, parameters)
