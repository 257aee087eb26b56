"""From rows to the objects of the wire: which columns a viewer is shown, with what references expanded. The one place that renders."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import orjson
import sqlalchemy as sa

from bayplan.db.disclosure import Disclosure
from bayplan.db.engine import Rows
from bayplan.db.prepared import Prepared
from bayplan.db.shapes import SHAPES, Field, Kind, Shape, Viewer

Object = dict[str, Any]


def _as_json(text: str | None) -> orjson.Fragment | None:
    return None if text is None else orjson.Fragment(text)


# How a stored value is shown, where that is not as it comes: SQLite has no booleans, and lists and documents are JSON already.
_AS_TEXT = (Kind.MANY, Kind.DOCUMENT)
_SHOWN: Mapping[Kind, Callable[[Any], Any]] = {
    Kind.BOOLEAN: {0: False, 1: True, None: None}.__getitem__,
    **dict.fromkeys(_AS_TEXT, _as_json),
}
Shower = tuple[str, Callable[[Any], Any]]


@dataclass(frozen=True, slots=True)
class Nested:
    """A reference that is expanded: its columns begin at `start`, behind the object's own."""

    name: str
    start: int
    names: tuple[str, ...]
    shown: tuple[Shower, ...]
    restless_at: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Selection:
    """A SELECT of whole objects, and what makes objects and entity tags of its rows."""

    shape: Shape
    statement: sa.Select[Any]
    by_pk: Prepared
    names: tuple[str, ...]
    shown: tuple[Shower, ...]
    nested: tuple[Nested, ...]
    secret: str | None
    revision_at: int

    def objects(self, rows: Rows, disclosure: Disclosure) -> list[Object]:
        """Gives the rows as objects, in their order, ready to be made JSON of; what they disclose is noted."""
        made = [dict(zip(self.names, row, strict=False)) for row in rows]
        _show(made, self.shown)
        if self.secret is not None:
            for item in made:
                if item[self.secret] is not None:
                    item[self.secret] = disclosure.password(item["pk"], item[self.secret])
        for nested in self.nested:
            inner = [dict(zip(nested.names, row[nested.start :], strict=False)) for row in rows]
            _show(inner, nested.shown)
            for item, value in zip(made, inner, strict=True):
                item[nested.name] = None if item[nested.name] is None else value
        return made

    @property
    def is_restless(self) -> bool:
        """Whether the objects show fields that change without a new version of the catalogue."""
        return bool(self.shape.restless) or any(nested.restless_at for nested in self.nested)

    def tag(self, row: Sequence[Any]) -> str:
        """Gives the row's entity tag: its revision, and whatever else tells an answer from another of that revision."""
        told_apart = [str(row[self.names.index(name)]) for name in self.shape.restless]
        told_apart += [str(row[at]) for nested in self.nested for at in nested.restless_at]
        # Who sees secrets and who does not must not share what they keep.
        told_apart += ["secret"] if self.secret is not None else []
        return "-".join([str(row[self.revision_at]), *(["".join(told_apart)] if any(told_apart) else [])])


def _show(objects: list[Object], shown: tuple[Shower, ...]) -> None:
    for name, show in shown:
        for item in objects:
            item[name] = show(item[name])


def _showers(shape: Shape) -> tuple[Shower, ...]:
    return tuple((field.name, _SHOWN[field.kind]) for field in shape.fields if field.kind in _SHOWN)


def _columns(shape: Shape, table: sa.FromClause, viewer: Viewer, *, through: bool) -> list[sa.ColumnElement[Any]]:
    columns: list[sa.ColumnElement[Any]] = []
    for field in shape.fields:
        column = table.c[field.name]
        if not viewer.sees(field, through_reference=through):
            columns.append(sa.null())
        else:
            columns.append(sa.type_coerce(column, sa.Text) if field.kind in _AS_TEXT else column)
    return columns


@lru_cache(maxsize=256)
def selection(shape_name: str, sees_log_ins: bool, is_staff: bool, expand: tuple[str, ...] = ()) -> Selection:
    """Gives the selection of a resource for one kind of viewer, with the references in `expand` nested."""
    shape = SHAPES[shape_name]
    viewer = Viewer(is_staff=is_staff, is_worker=sees_log_ins)
    columns = _columns(shape, shape.table, viewer, through=False)
    source: sa.FromClause = shape.table
    nested: list[Nested] = []
    extra: list[sa.ColumnElement[Any]] = [shape.column("revision")]
    for index, field in enumerate(shape.fields):
        if field.target is None or (field.shown_as is None and field.name not in expand):
            continue
        target = SHAPES[field.target]
        alias = target.table.alias(f"{field.name}_object")
        source = source.outerjoin(alias, alias.c.pk == shape.column(field.name))
        if field.name in expand:
            start = len(columns) + len(extra)
            names = tuple(f.name for f in target.fields)
            restless_at = tuple(start + names.index(name) for name in target.restless)
            nested.append(Nested(field.name, start, names, _showers(target), restless_at))
            extra += _columns(target, alias, viewer, through=True)
        elif field.shown_as is not None:
            columns[index] = alias.c[field.shown_as]
    statement = sa.select(*(column.label(f"c{i}") for i, column in enumerate([*columns, *extra]))).select_from(source)
    return Selection(
        shape=shape,
        statement=statement,
        by_pk=Prepared(statement.where(shape.column("pk") == sa.bindparam("pk", type_=sa.BigInteger))),
        names=tuple(field.name for field in shape.fields),
        shown=_showers(shape),
        nested=tuple(nested),
        secret=next((f.name for f in shape.fields if f.kind is Kind.SECRET and viewer.sees(f)), None),
        revision_at=len(columns),
    )


def expandable(shape: Shape) -> list[Field]:
    """Gives the references of a resource that `?expand=` may name."""
    return [field for field in shape.fields if field.target is not None and field.shown_as is None]
