"""From rows to the objects of the wire: which columns a viewer is shown, with what references expanded. The one place that renders."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import sqlalchemy as sa

from bayplan.db.engine import Rows
from bayplan.db.shapes import SHAPES, Field, Kind, Shape, Viewer

Decrypt = Callable[[str], str]
Object = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Selection:
    """A SELECT of whole objects, and what makes objects and entity tags of its rows."""

    shape: Shape
    statement: sa.Select[Any]
    names: tuple[str, ...]
    # (name, first column, names) of each expanded reference; its columns follow the object's own.
    nested: tuple[tuple[str, int, tuple[str, ...]], ...]
    secret: str | None
    revision_at: int

    def objects(self, rows: Rows, decrypt: Decrypt) -> list[Object]:
        """Gives the rows as objects, in their order."""
        made = [dict(zip(self.names, row, strict=False)) for row in rows]
        if self.secret is not None:
            for item in made:
                if item[self.secret] is not None:
                    item[self.secret] = decrypt(item[self.secret])
        for name, start, inner in self.nested:
            for item, row in zip(made, rows, strict=True):
                if item[name] is not None:
                    item[name] = dict(zip(inner, row[start : start + len(inner)], strict=True))
        return made

    def tag(self, row: sa.Row[Any]) -> str:
        """Gives the row's entity tag: its revision, and whatever else tells an answer from another of that revision."""
        told_apart = [str(row[self.names.index(name)]) for name in self.shape.restless]
        # Who sees secrets and who does not must not share what they keep.
        told_apart += ["secret"] if self.secret is not None else []
        return "-".join([str(row[self.revision_at]), *(["".join(told_apart)] if any(told_apart) else [])])


def _shown(shape: Shape, table: sa.FromClause, viewer: Viewer, *, through: bool) -> list[sa.ColumnElement[Any]]:
    return [
        table.c[field.name].label(field.name) if viewer.sees(field, through_reference=through) else sa.null()
        for field in shape.fields
    ]


@lru_cache(maxsize=256)
def selection(shape_name: str, sees_log_ins: bool, is_staff: bool, expand: tuple[str, ...] = ()) -> Selection:
    """Gives the selection of a resource for one kind of viewer, with the references in `expand` nested."""
    shape = SHAPES[shape_name]
    viewer = Viewer(is_staff=is_staff, is_worker=sees_log_ins)
    columns = _shown(shape, shape.table, viewer, through=False)
    source: sa.FromClause = shape.table
    nested: list[tuple[str, int, tuple[str, ...]]] = []
    extra: list[sa.ColumnElement[Any]] = [shape.column("revision")]
    for index, field in enumerate(shape.fields):
        if field.target is None or (field.shown_as is None and field.name not in expand):
            continue
        target = SHAPES[field.target]
        alias = target.table.alias(f"{field.name}_object")
        source = source.outerjoin(alias, alias.c.pk == shape.column(field.name))
        if field.name in expand:
            inner = _shown(target, alias, viewer, through=True)
            nested.append((field.name, len(columns) + len(extra), tuple(f.name for f in target.fields)))
            extra += inner
        elif field.shown_as is not None:
            columns[index] = alias.c[field.shown_as].label(field.name)
    labelled = [*columns, *extra]
    return Selection(
        shape=shape,
        statement=sa.select(*(column.label(f"c{i}") for i, column in enumerate(labelled))).select_from(source),
        names=tuple(field.name for field in shape.fields),
        nested=tuple(nested),
        secret=next((f.name for f in shape.fields if f.kind is Kind.SECRET and viewer.sees(f)), None),
        revision_at=len(columns),
    )


def expandable(shape: Shape) -> list[Field]:
    """Gives the references of a resource that `?expand=` may name."""
    return [field for field in shape.fields if field.target is not None and field.shown_as is None]
