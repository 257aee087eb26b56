"""What follows from a write: columns that the server works out from others, and what is forgotten or due again after it.

`DERIVED` gives the columns, before the row is stored, from the row as it would be, the row as it is (None for a new one) and the
names of the fields that the request has. `EFFECTS` run after it, in the same transaction.
"""

from collections.abc import Awaitable, Callable, Mapping, Set
from typing import Any

import sqlalchemy as sa

from bayplan.clock import now
from bayplan.db import tables
from bayplan.db.change_entry import API_TOKENS, SET, ChangeEntry
from bayplan.db.database import Transaction
from bayplan.domain.facts import REGISTRY, SCAN
from bayplan.domain.reference import located

Row = dict[str, Any]
Derive = Callable[[Transaction, Row, Row | None, Set[str]], Awaitable[Mapping[str, Any]]]
Effect = Callable[[Transaction, Row, Row], Awaitable[None]]


async def _token_epoch(_tx: Transaction, row: Row, old: Row | None, _fields: Set[str]) -> Mapping[str, Any]:
    """A new password, and being deactivated, end all tokens."""
    if old is None:
        return {}
    ends = row["password_hash"] != old["password_hash"] or (old["is_active"] and not row["is_active"])
    return {"token_epoch": old["token_epoch"] + 1} if ends else {}


async def _hardware_generation(tx: Transaction, row: Row, _old: Row | None, fields: Set[str]) -> Mapping[str, Any]:
    """A node's generation is that of its compute capability, unless the request names one."""
    is_named = row["hardware_generation"] is not None and "hardware_generation" in fields
    if is_named or "compute_capability" not in fields or row["compute_capability"] is None:
        return {}
    columns, capability = tables.hardware.c, float(row["compute_capability"])
    generations = await tx.fetch(
        sa.select(columns.pk).where(
            columns.min_compute_capability <= capability, columns.max_compute_capability > capability
        )
    )
    return {"hardware_generation": generations[0][0] if generations else None}


async def _after_image_change(tx: Transaction, row: Row, old: Row) -> None:
    names = ("url", "registry", "registry_username", "registry_password")
    if all(row[name] == old[name] for name in names):
        return
    if located(row["url"], row["registry"]) != located(old["url"], old["registry"]):
        await forget_registry_facts(tx, row["pk"])
    elif any(row[name] != old[name] for name in names[2:]):
        await check_again_soon(tx, row["pk"])


async def _after_user_change(tx: Transaction, row: Row, old: Row) -> None:
    """What ends the sessions of a user ends their tokens for programs too."""
    if row["token_epoch"] != old["token_epoch"]:
        tokens = tables.api_tokens
        live = (tokens.c.owner == row["pk"], tokens.c.revoked.is_(None))
        statement = sa.update(tokens).where(*live).values(revoked=now()).returning(tokens.c.pk, tokens.c.name)
        for pk, name in sorted(await tx.fetch(statement)):
            tx.log(ChangeEntry(API_TOKENS, pk, "revoke", {"name": (name, None), "secret": (SET, None)}))


async def forget_registry_facts(tx: Transaction, image: int) -> None:
    """Forgets inspection, checks and facts of an image that has another reference: they are true of the old one only."""
    facts = tables.image_facts
    for table in (tables.inspections, tables.image_platforms, tables.check_changes, tables.checks, tables.scan_jobs):
        await tx.execute(sa.delete(table).where(table.c.image == image))
    await tx.execute(sa.delete(facts).where(facts.c.image == image, facts.c.origin.in_((SCAN, REGISTRY))))


async def check_again_soon(tx: Transaction, image: int) -> None:
    """Makes the check of an image due that was denied: it has other credentials now."""
    columns = tables.checks.c
    denied = (columns.image == image, columns.state == "denied", columns.due.is_not(None))
    await tx.execute(sa.update(tables.checks).where(*denied).values(due=columns.checked))


DERIVED: Mapping[str, Derive] = {"users": _token_epoch, "nodes": _hardware_generation}
EFFECTS: Mapping[str, Effect] = {"docker": _after_image_change, "users": _after_user_change}
