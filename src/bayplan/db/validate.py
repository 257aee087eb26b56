"""What must hold of a whole object before it is stored, beyond what its body's schema can say: one function for each resource.

Each is given the row as it would be (references resolved to pks), the row as it is (None for a new one) and the names of the
fields that the request gave; it gives the row to store, or raises `Invalid` or `Conflict`.
"""

from collections.abc import Awaitable, Callable, Mapping, Set
from typing import Any

import sqlalchemy as sa

from bayplan.db import tables
from bayplan.db.database import Transaction
from bayplan.domain.reference import check_agreement, located
from bayplan.errors import Conflict, Invalid, Problem

Row = dict[str, Any]
Invariant = Callable[[Transaction, Row, Row | None, Set[str]], Awaitable[Row]]


async def _image(tx: Transaction, row: Row, old: Row | None, _given: Set[str]) -> Row:
    check_agreement(row["url"], row["registry"])
    if (row["registry_username"] is None) != (row["registry_password"] is None):
        missing = "registry_password" if row["registry_password"] is None else "registry_username"
        raise Invalid.at(
            missing, "incomplete_login", "'registry_username' and 'registry_password' are both set or both null."
        )
    if not row["cpu"]:
        problems = [
            Problem(name, "required_for_gpu", f"'{name}' may be null only where 'cpu' is true: {hint}.")
            for name, hint in (
                ("cuda_version", "name the CUDA release in the image, such as '12.4.1'"),
                ("min_hardware_generation", "name the oldest generation that the image supports, such as 'Pascal'"),
            )
            if row[name] is None
        ]
        if problems:
            raise Invalid(" ".join(p.detail for p in problems), code="required_for_gpu", problems=problems)
    if old is not None and located(row["url"], row["registry"]) != located(old["url"], old["registry"]):
        await _forget_what_its_registry_said(tx, row["pk"])
    elif old is not None and any(row[name] != old[name] for name in ("registry_username", "registry_password")):
        await _look_again(tx, row["pk"])
    return row


async def _forget_what_its_registry_said(tx: Transaction, pk: int) -> None:
    """What was read of an image is true of where it lay, and of nowhere else."""
    facts = tables.image_facts
    for table in (tables.inspections, tables.check_changes, tables.checks):
        await tx.execute(sa.delete(table).where(table.c.image == pk))
    await tx.execute(sa.delete(facts).where(facts.c.image == pk, facts.c.origin == "registry"))


async def _look_again(tx: Transaction, pk: int) -> None:
    """An image that was refused has another log-in now: it is due, at a time that has been."""
    columns = tables.checks.c
    refused = (columns.image == pk, columns.state == "denied", columns.due.is_not(None))
    await tx.execute(sa.update(tables.checks).where(*refused).values(due=columns.checked))


async def _cuda(_tx: Transaction, row: Row, _old: Row | None, _given: Set[str]) -> Row:
    if not f"{row['full_version']}.".startswith(f"{row['version']}."):
        raise Invalid.at(
            "full_version",
            "versions_disagree",
            f"'full_version' ({row['full_version']}) must be a release of 'version' ({row['version']}), as 12.4.1 is of 12.4.",
        )
    return row


async def _hardware(tx: Transaction, row: Row, old: Row | None, _given: Set[str]) -> Row:
    low, high = row["min_compute_capability"], row["max_compute_capability"]
    if low >= high:
        raise Invalid.at(
            "max_compute_capability",
            "inverted_range",
            f"The range is empty: 'max_compute_capability' ({high}) is exclusive and must be more than "
            f"'min_compute_capability' ({low}).",
        )
    table = tables.hardware
    statement = sa.select(table.c.generation, table.c.min_compute_capability, table.c.max_compute_capability).where(
        table.c.min_compute_capability < high, table.c.max_compute_capability > low
    )
    if old is not None:
        statement = statement.where(table.c.pk != old["pk"])
    taken = await tx.fetch(statement.order_by(table.c.min_compute_capability))
    if taken:
        name, its_low, its_high = tuple(taken[0])
        raise Invalid.at(
            "min_compute_capability",
            "overlapping_range",
            f"The range {low} to {high} overlaps that of '{name}', which is {its_low} to {its_high} (exclusive).",
        )
    return row


async def _framework(tx: Transaction, row: Row, old: Row | None, _given: Set[str]) -> Row:
    if " " in row["name"] or " " in row["version"]:
        columns = tables.frameworks.c
        text = f"{row['name']} {row['version']}"
        others = sa.select(columns.pk).where(columns.name + " " + columns.version == text, columns.name != row["name"])
        found = [pk for (pk,) in await tx.fetch(others) if old is None or pk != old["pk"]]
        if found:
            raise Conflict(
                f"The text '{text}' already names another framework, pk {found[0]}: references could not tell them apart.",
                code="duplicate",
            )
    return row


async def _user(tx: Transaction, row: Row, old: Row | None, _given: Set[str]) -> Row:
    if old is None:
        return row
    if old["is_staff"] and old["is_active"] and not (row["is_staff"] and row["is_active"]):
        table = tables.users
        others = await tx.fetch(
            sa.select(table.c.pk).where(table.c.is_staff, table.c.is_active, table.c.pk != old["pk"]).limit(1)
        )
        if not others:
            raise Conflict(
                "This is the last active staff user: make another user staff before this one is taken away.",
                code="last_staff_user",
            )
    if row["password_hash"] != old["password_hash"] or (old["is_active"] and not row["is_active"]):
        row["token_epoch"] = old["token_epoch"] + 1
    return row


async def _node(tx: Transaction, row: Row, _old: Row | None, given: Set[str]) -> Row:
    generation_open = row["hardware_generation"] is None or "hardware_generation" not in given
    if generation_open and "compute_capability" in given and row["compute_capability"] is not None:
        table = tables.hardware
        capability = float(row["compute_capability"])
        found = await tx.fetch(
            sa.select(table.c.pk).where(
                table.c.min_compute_capability <= capability, table.c.max_compute_capability > capability
            )
        )
        row["hardware_generation"] = found[0][0] if found else None
    return row


INVARIANTS: Mapping[str, Invariant] = {
    "docker": _image,
    "cuda": _cuda,
    "hardware": _hardware,
    "frameworks": _framework,
    "users": _user,
    "nodes": _node,
}
