"""What a new catalogue starts with: the shipped reference tables, and the user `admin`."""

from pathlib import Path
from typing import Any

import sqlalchemy as sa

from bayplan.db import tables
from bayplan.db.change_entry import object_change
from bayplan.db.database import Database, Transaction
from bayplan.db.resource_types import RESOURCE_TYPES
from bayplan.db.versioned import keep_version
from bayplan.domain.compatibility.tables import load, read_rows
from bayplan.domain.versions import sort_key


async def fill(db: Database, admin_password_hash: str, now: str, folder: Path | None = None) -> bool:
    """Fills a catalogue in which nothing was ever written; gives whether it was this call that did.

    `folder` holds newer tables than the shipped ones. Raises `CannotStart` for one that cannot be read.
    """
    async with db.write(is_long=True) as tx:
        if tx.version != 1:
            await keep_version(tx)
            return False
        await _reference_tables(tx, folder)
        await tx.execute(
            sa.insert(tables.users),
            {
                "username": "admin",
                "first_name": "",
                "last_name": "",
                "email": "",
                "is_active": True,
                "is_staff": True,
                "date_joined": now,
                "password_hash": admin_password_hash,
                "token_epoch": 0,
                "revision": tx.version,
            },
        )
        for resource_type in RESOURCE_TYPES.values():
            for row in await tx.fetch(sa.select(resource_type.table).order_by(resource_type.column("pk"))):
                tx.entries.append(object_change(resource_type, row.pk, "create", None, row._mapping))
        return True


async def _reference_tables(tx: Transaction, folder: Path | None) -> None:
    for name, content in reference_rows(folder).items():
        await tx.execute(sa.insert(RESOURCE_TYPES[name].table), [{**row, "revision": tx.version} for row in content])


def reference_rows(folder: Path | None = None) -> dict[str, list[dict[str, Any]]]:
    """Gives the rows of the reference tables with which a catalogue starts, by resource."""
    shipped = load(folder)
    return {
        "cuda": [
            {
                "version": release.version,
                "version_key": sort_key(release.version),
                "full_version": release.full_version,
                "full_version_key": sort_key(release.full_version),
                "min_driver_version": release.min_driver,
                "min_driver_version_key": None if release.min_driver is None else sort_key(release.min_driver),
            }
            for release in shipped.cuda
        ],
        "hardware": [
            {
                "generation": generation.name,
                "min_compute_capability": float(generation.min_cc),
                "max_compute_capability": float(generation.max_cc),
            }
            for generation in shipped.generations
        ],
        "domains": [
            {"name": row["name"], "description": row["description"]} for row in read_rows("domains.csv", folder)
        ],
        "licences": [
            {
                "name": row["name"],
                "url": row["url"],
                "domains": _words(row["domains"]),
                "permissions": _words(row["permissions"]),
                "limitations": _words(row["limitations"]),
                "conditions": _words(row["conditions"]),
                "aliases": [row["spdx"], *_words(row["aliases"])],
            }
            for row in read_rows("licences.csv", folder)
        ],
    }


def _words(text: str) -> list[str]:
    return [word.strip() for word in text.split(";") if word.strip()]
