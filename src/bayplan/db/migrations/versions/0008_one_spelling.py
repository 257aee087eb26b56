"""Addresses and names that were stored in another spelling than today's get that one; what would then be there twice stays."""

import json
import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from alembic import op

from bayplan.domain.machine_address import machine_address
from bayplan.domain.names import composed
from bayplan.domain.versions import sort_key
from bayplan.errors import Invalid

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

_log = logging.getLogger("bayplan")
_ROWS_AT_ONCE = 1_000


@dataclass(frozen=True)
class _Names:
    """The columns of a table that name its rows, and those that name them uniquely."""

    resource: str
    table: str
    columns: dict[str, Callable[[str], str]]
    unique: tuple[str, ...]
    soft_delete: str | None = None
    sorted: str | None = None
    is_versioned: bool = True


_NAMES = (
    _Names("nodes", "nodes", {"ip": machine_address}, ("ip", "index")),
    _Names("workers", "workers", {"ip": machine_address}, ("ip",), is_versioned=False),
    _Names("docker", "images", {"name": composed, "version": composed}, ("name", "version"), "deletion_time"),
    _Names("frameworks", "frameworks", {"name": composed, "version": composed}, ("name", "version"), sorted="version"),
    _Names("cuda", "cuda", {"version": composed, "full_version": composed}, ("full_version",)),
    _Names("hardware", "hardware", {"generation": composed}, ("generation",)),
    _Names("licences", "licences", {"name": composed}, ("name",)),
    _Names("users", "users", {"username": composed}, ("username",)),
    _Names("prefetch", "prefetch", {"name": composed}, ("name",)),
)


def upgrade() -> None:
    connection = op.get_bind()
    version = connection.execute(sa.text("SELECT version FROM catalogue")).scalar_one() + 1
    position = 0
    for names in _NAMES:
        table = sa.table(
            names.table,
            *(sa.column(name) for name in ("pk", "revision", *dict.fromkeys((*names.columns, *names.unique)))),
            *([] if names.soft_delete is None else [sa.column(names.soft_delete)]),
            *([] if names.sorted is None else [sa.column(f"{names.sorted}_key")]),
        )
        for row, spelled in _respelled(connection, table, names):
            changed = {name: text for name, text in spelled.items() if text != row[name]}
            key = {name: spelled.get(name, row[name]) for name in names.unique}
            taken = sa.select(table.c.pk).where(
                table.c.pk != row["pk"], *(table.c[name] == value for name, value in key.items())
            )
            if names.soft_delete is not None:
                taken = taken.where(table.c[names.soft_delete].is_(None))
            is_live = names.soft_delete is None or row[names.soft_delete] is None
            other = connection.execute(taken).scalar() if is_live else None
            if other is not None:
                _log.warning(
                    "%s with pk %d (%s) has the name of the one with pk %d in another spelling: remove one of them, or rename it.",
                    names.table,
                    row["pk"],
                    ", ".join(f"{name} {row[name]!r}" for name in changed),
                    other,
                )
                continue
            moved: dict[str, object] = {**changed, "revision": version} if names.is_versioned else dict(changed)
            if names.sorted in changed:
                moved[f"{names.sorted}_key"] = sort_key(changed[names.sorted])
            connection.execute(sa.update(table).where(table.c.pk == row["pk"]).values(moved))
            _enter(
                connection, version, position, names.resource, row["pk"], {n: (row[n], t) for n, t in changed.items()}
            )
            position += 1
    if position:
        connection.execute(sa.text("UPDATE catalogue SET version = :v, reference_version = :v"), {"v": version})


def downgrade() -> None:
    """Nothing: both spellings name the same."""


def _respelled(
    connection: sa.Connection, table: sa.TableClause, names: _Names
) -> Iterator[tuple[dict[str, Any], dict[str, str]]]:
    """Gives the rows whose spelling changes, by pk, and the new spelling of their columns."""
    after = 0
    while True:
        columns = [column for column in table.c if column.name != "revision"]
        statement = sa.select(*columns).where(table.c.pk > after).order_by(table.c.pk).limit(_ROWS_AT_ONCE)
        rows = [dict(row._mapping) for row in connection.execute(statement)]
        for row in rows:
            spelled = {name: _spelled(canonical, row[name]) for name, canonical in names.columns.items()}
            if any(row[name] != text for name, text in spelled.items()):
                yield row, spelled
        if len(rows) < _ROWS_AT_ONCE:
            return
        after = rows[-1]["pk"]


def _spelled(canonical: Callable[[str], str], text: str) -> str:
    try:
        return canonical(text) or text
    except Invalid:  # no request may name it so today; it stays readable, and may be renamed
        return text


def _enter(
    connection: sa.Connection, version: int, position: int, resource: str, pk: int, fields: dict[str, tuple[str, str]]
) -> None:
    """Adds an entry to the change log."""
    changes = sa.table(
        "changes",
        *(sa.column(name) for name in ("version", "position", "time", "resource", "object", "action", "fields")),
    )
    values = {
        "version": version,
        "position": position,
        "time": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        "resource": resource,
        "object": pk,
        "action": "change",
        "fields": json.dumps(fields, ensure_ascii=False),
    }
    connection.execute(sa.insert(changes).values(values))
