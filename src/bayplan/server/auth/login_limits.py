"""Limits on guessing passwords: failed log-ins are counted for a user name with an address, and for an address across names.

All server processes count in one table, `login_failures`: by hashes, since a name or an address may be anything at all. A row
without failures says when a user last logged in from an address: they come first when many log in, and who else fails at that
address does not keep them out.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, ip_address, ip_network
from typing import Any

import sqlalchemy as sa

from bayplan.db import tables
from bayplan.db.compiled import CompiledStatement
from bayplan.db.database import Database, Rows, Transaction

WINDOW_SECONDS = 300
ATTEMPTS_OF_ADDRESS = 10
"""How many times the failed log-ins of one user name are allowed for an address across all names."""
KNOWN_SECONDS = 30 * 86400
MOST_KNOWN_ADDRESSES = 50
"""Addresses that are known for each user: the last ones."""
_IPV6_PREFIX = 64  # what a provider gives to one customer, at the least

_TABLE = tables.login_failures.c
_NAMES = ("of_pair", "of_address", "of_known")
_BY_SUBJECTS = CompiledStatement(
    sa.select(_TABLE.subject, _TABLE.failures, _TABLE.window_start).where(
        _TABLE.subject.in_([sa.bindparam(name, type_=_TABLE.subject.type) for name in _NAMES])
    )
)
_COUNT = sa.text(
    # One upsert on both databases, so that two first failures at once are both counted.
    "INSERT INTO login_failures (subject, failures, window_start) VALUES (:subject, 1, :now) "
    "ON CONFLICT (subject) DO UPDATE SET failures = login_failures.failures + 1"
)
_KNOW = sa.text(
    "INSERT INTO login_failures (subject, failures, window_start) VALUES (:subject, 0, :now) "
    "ON CONFLICT (subject) DO UPDATE SET window_start = :now"
)


@dataclass(frozen=True, slots=True)
class LogInAttempt:
    """A log-in: what its failures are counted under. `known` is the row of the user's last log-in from the address."""

    pair: str
    address: str
    known: str
    known_prefix: str


@dataclass(frozen=True, slots=True)
class LogInStanding:
    """Whether a log-in may be tried, and how."""

    locked_seconds: int
    """For how long it is refused, 0 where it is not."""
    is_first: bool
    """Whether the user has logged in from this address before."""


def attempt(username: str, address: str) -> LogInAttempt:
    """Gives what a log-in is counted under."""
    network = network_of(address)
    user = _hash(username.casefold())
    return LogInAttempt(
        pair=_hash(f"{username.casefold()}\0{network}"),
        address=_hash(f"\0{network}"),
        known=f"known:{user[:32]}:{_hash(network)[:32]}",
        known_prefix=f"known:{user[:32]}:",
    )


def network_of(address: str) -> str:
    """Gives whom an address stands for: itself, for IPv6 its /64, for an IPv4 address written as IPv6 that one."""
    try:
        parsed = ip_address(address.partition("%")[0].strip())
    except ValueError:  # a socket in the file system, or what a proxy wrote
        return address[:64]
    if isinstance(parsed, IPv4Address):
        return str(parsed)
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(ip_network((parsed, _IPV6_PREFIX), strict=False))


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()


async def standing(db: Database, attempt: LogInAttempt, allowed: int, now: int) -> LogInStanding:
    """Gives whether a log-in may be tried; `allowed` failures of a pair, `now` in seconds since 1970."""
    parameters = {"of_pair": attempt.pair, "of_address": attempt.address, "of_known": attempt.known}
    rows = await db.fetch(_BY_SUBJECTS, _by_subject, parameters)
    ahead = [subject for subject, (_, start) in rows.items() if start > now]
    if ahead:  # a clock went back: what it stored lasts for no longer than a window from now
        await _move_back(db, ahead, now)
    known_at = rows.get(attempt.known, (0, None))[1]
    is_first = known_at is not None and known_at > now - KNOWN_SECONDS
    locked = _seconds_locked(rows.get(attempt.pair), allowed, now)
    if not is_first:
        locked = max(locked, _seconds_locked(rows.get(attempt.address), ATTEMPTS_OF_ADDRESS * allowed, now))
    return LogInStanding(locked, is_first)


def _by_subject(rows: Rows) -> dict[str, tuple[int, int]]:
    return {row[0]: (int(row[1]), int(row[2])) for row in rows}


def _seconds_locked(row: tuple[int, int] | None, allowed: int, now: int) -> int:
    if row is None or row[0] < allowed:
        return 0
    return max(0, min(row[1], now) + WINDOW_SECONDS - now)


async def _move_back(db: Database, subjects: Sequence[str], now: int) -> None:
    table = tables.login_failures
    async with db.write(moves=False) as tx:
        await tx.execute(
            sa.update(table).where(_TABLE.subject.in_(subjects), _TABLE.window_start > now).values(window_start=now)
        )


async def count_failures(db: Database, attempts: Sequence[LogInAttempt], now: int) -> None:
    """Counts failed log-ins, and removes those of past windows."""
    subjects = sorted(subject for attempt in attempts for subject in (attempt.pair, attempt.address))
    async with db.write(moves=False) as tx:
        await _remove_outdated(tx, now)
        # In the same order, so that two server processes do not wait for each other.
        await tx.execute(_COUNT, [{"subject": subject, "now": now} for subject in subjects])


async def _remove_outdated(tx: Transaction, now: int) -> None:
    past = sa.or_(
        sa.and_(_TABLE.failures > 0, _TABLE.window_start <= now - WINDOW_SECONDS),
        _TABLE.window_start <= now - KNOWN_SECONDS,
    )
    await tx.execute(sa.delete(tables.login_failures).where(past))


async def note_log_in(tx: Transaction, attempt: LogInAttempt, now: int) -> None:
    """Forgets the failures of a pair, since its user has logged in, and knows the address from now on."""
    table: Any = tables.login_failures
    await tx.execute(sa.delete(table).where(_TABLE.subject == attempt.pair))
    await tx.execute(_KNOW, {"subject": attempt.known, "now": now})
    of_user = (_TABLE.subject > attempt.known_prefix, _TABLE.subject < f"{attempt.known_prefix}~")
    last = sa.select(_TABLE.subject).where(*of_user).order_by(_TABLE.window_start.desc()).limit(MOST_KNOWN_ADDRESSES)
    await tx.execute(sa.delete(table).where(*of_user, _TABLE.subject.not_in(last)))
