"""From rows to the objects of the wire: which columns a principal is shown, with what references expanded. The one place that renders."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import orjson
import sqlalchemy as sa

from bayplan.db.compiled import CompiledStatement, is_one_of
from bayplan.db.database import Rows
from bayplan.db.disclosure import Disclosure
from bayplan.db.principal import Principal
from bayplan.db.resource_types import RESOURCE_TYPES, Field, Kind, ResourceType
from bayplan.db.stored_values import json_fragment

Object = dict[str, Any]


@lru_cache(maxsize=4_096)  # most rows have the same few lists
def as_json(text: str | None) -> orjson.Fragment | None:
    """Gives a stored list or document to be put into an answer. Raises `ValueError` where it is no JSON."""
    return None if text is None else json_fragment(text)


# How a stored value is shown, where that is not as it comes: SQLite has no booleans, and lists and documents are JSON already.
AS_TEXT = (Kind.MANY, Kind.DOCUMENT, Kind.LABELS)
_SHOWN: Mapping[Kind, Callable[[Any], Any]] = {
    Kind.BOOLEAN: {0: False, 1: True, None: None}.__getitem__,
    **dict.fromkeys(AS_TEXT, as_json),
    Kind.LABELS: lambda text: as_json(text or "{}"),
}
Converter = tuple[str, Callable[[Any], Any]]


@dataclass(frozen=True, slots=True)
class NestedProjection:
    """A reference that is expanded: its columns begin at `start`, behind the object's own."""

    name: str
    start: int
    names: tuple[str, ...]
    shown: tuple[Converter, ...]
    volatile_at: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Projection:
    """A SELECT of whole objects, and what makes objects and entity tags of its rows."""

    resource_type: ResourceType
    statement: sa.Select[Any]
    by_pk: CompiledStatement
    by_pks: CompiledStatement
    names: tuple[str, ...]
    shown: tuple[Converter, ...]
    nested: tuple[NestedProjection, ...]
    secret: str | None
    revision_at: int

    def objects(self, rows: Rows, disclosure: Disclosure) -> list[Object]:
        """Gives the rows as objects, in their order, ready to be made JSON of; what they disclose is noted."""
        made = [dict(zip(self.names, row, strict=False)) for row in rows]
        _show(made, self.shown)
        if self.secret is not None:
            for item in made:
                if item[self.secret] is not None:
                    item[self.secret] = disclosure.shown_password(item["pk"], item[self.secret])
        for nested in self.nested:
            inner = [dict(zip(nested.names, row[nested.start :], strict=False)) for row in rows]
            _show(inner, nested.shown)
            for item, value in zip(made, inner, strict=True):
                item[nested.name] = None if item[nested.name] is None else value
        return made

    @property
    def is_volatile(self) -> bool:
        """Whether the objects show fields that change without a new version of the catalogue."""
        return bool(self.resource_type.volatile) or any(nested.volatile_at for nested in self.nested)

    def tag(self, row: Sequence[Any]) -> str:
        """Gives the row's entity tag: its revision, and whatever else tells an answer from another of that revision."""
        told_apart = [str(row[self.names.index(name)]) for name in self.resource_type.volatile]
        told_apart += [str(row[at]) for nested in self.nested for at in nested.volatile_at]
        # Who sees secrets and who does not must not share what they keep.
        told_apart += ["secret"] if self.secret is not None else []
        return "-".join([str(row[self.revision_at]), *(["".join(told_apart)] if any(told_apart) else [])])


def _show(objects: list[Object], shown: tuple[Converter, ...]) -> None:
    for name, show in shown:
        for item in objects:
            item[name] = show(item[name])


def _showers(resource_type: ResourceType) -> tuple[Converter, ...]:
    return tuple((field.name, _SHOWN[field.kind]) for field in resource_type.fields if field.kind in _SHOWN)


def _columns(
    resource_type: ResourceType, table: sa.FromClause, principal: Principal, *, through: bool
) -> list[sa.ColumnElement[Any]]:
    columns: list[sa.ColumnElement[Any]] = []
    for field in resource_type.fields:
        column = table.c[field.name]
        if not principal.sees(field, through_reference=through):
            columns.append(sa.null())
        else:
            columns.append(sa.type_coerce(column, sa.Text) if field.kind in AS_TEXT else column)
    return columns


def projection(resource_name: str, principal: Principal, expand: tuple[str, ...] = ()) -> Projection:
    """Gives the selection of a resource as a principal sees it, with the references in `expand` nested."""
    return _projection(resource_name, principal.kind, expand)


@lru_cache(maxsize=256)
def _projection(resource_name: str, principal: Principal, expand: tuple[str, ...]) -> Projection:
    resource_type = RESOURCE_TYPES[resource_name]
    columns = _columns(resource_type, resource_type.table, principal, through=False)
    source: sa.FromClause = resource_type.table
    nested: list[NestedProjection] = []
    extra: list[sa.ColumnElement[Any]] = [resource_type.column("revision")]
    for index, field in enumerate(resource_type.fields):
        if field.target is None or (field.shown_as is None and field.name not in expand):
            continue
        target = RESOURCE_TYPES[field.target]
        alias = target.table.alias(f"{field.name}_object")
        source = source.outerjoin(alias, alias.c.pk == resource_type.column(field.name))
        if field.name in expand:
            start = len(columns) + len(extra)
            names = tuple(f.name for f in target.fields)
            volatile_at = tuple(start + names.index(name) for name in target.volatile)
            nested.append(NestedProjection(field.name, start, names, _showers(target), volatile_at))
            extra += _columns(target, alias, principal, through=True)
        elif field.shown_as is not None:
            columns[index] = alias.c[field.shown_as]
    statement = sa.select(*(column.label(f"c{i}") for i, column in enumerate([*columns, *extra]))).select_from(source)
    pk = resource_type.column("pk")
    return Projection(
        resource_type=resource_type,
        statement=statement,
        by_pk=CompiledStatement(statement.where(pk == sa.bindparam("pk", type_=sa.BigInteger))),
        by_pks=CompiledStatement(statement.where(is_one_of(pk))),
        names=tuple(field.name for field in resource_type.fields),
        shown=_showers(resource_type),
        nested=tuple(nested),
        secret=next((f.name for f in resource_type.fields if f.kind is Kind.SECRET and principal.sees(f)), None),
        revision_at=len(columns),
    )


def expandable(resource_type: ResourceType) -> list[Field]:
    """Gives the references of a resource that `?expand=` may name."""
    return [field for field in resource_type.fields if field.target is not None and field.shown_as is None]
