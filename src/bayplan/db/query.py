"""From a filter specification to SQL: every name is looked up in an allow-list, every value is a bound parameter."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.sql.elements import Grouping

from bayplan.clock import timestamp
from bayplan.db.cursor import Term
from bayplan.db.dialects import elements_of, folded, label_of, position_of
from bayplan.db.natural_keys import names
from bayplan.db.principal import Principal
from bayplan.db.resource_types import RESOURCE_TYPES, Field, Kind, ResourceType, join_of, target_of
from bayplan.domain.labels import label_key
from bayplan.domain.versions import is_ordered, sort_key
from bayplan.errors import Invalid
from bayplan.schemas.common import MAX_INTEGER
from bayplan.schemas.filters import MAX_DOTS, Both, Compare, Contains, Either, Exact, Expression, Filter, IsNull, Order

Clause = sa.ColumnElement[bool]
Value = bool | int | float | str

_COMPARE = {
    "<": lambda column, value: column < value,
    "<=": lambda column, value: column <= value,
    ">": lambda column, value: column > value,
    ">=": lambda column, value: column >= value,
}
_ORDERED = (Kind.INTEGER, Kind.NUMBER, Kind.TEXT, Kind.TIME, Kind.VERSION, Kind.REFERENCE)
_TEXTUAL = (Kind.TEXT, Kind.VERSION, Kind.MANY)
_CLOSED = (Kind.SECRET, Kind.DOCUMENT)
# A flat chain of more ANDs than this is too deep a tree for SQLite.
_CHAIN = 100


@dataclass(frozen=True, slots=True)
class Path:
    """A field as a filter names it: the references that lead to it, the field at their end, and a key of its labels."""

    through: tuple[Field, ...]
    resource_type: ResourceType
    field: Field
    label: str | None = None

    @property
    def kind(self) -> Kind:
        """How it compares: a label as text."""
        return self.field.kind if self.label is None else Kind.TEXT

    @property
    def column(self) -> sa.ColumnElement[Any]:
        """The column at the end of the path, or the value of the label there."""
        column = self.resource_type.column(self.field.name)
        return column if self.label is None else label_of(sa.type_coerce(column, sa.Text), self.label)

    @property
    def compared(self) -> sa.ColumnElement[Any]:
        """The column that orders: for a version, its sort key."""
        return self.resource_type.column(f"{self.field.name}_key") if self.field.kind is Kind.VERSION else self.column


def allowed(resource_type: ResourceType, principal: Principal) -> list[str]:
    """Gives the names that a filter on the resource may use, those through one reference included."""
    names = []
    for field in _open_fields(resource_type, principal):
        names.append(f"{field.name}.KEY" if field.kind is Kind.LABELS else field.name)
        if field.target is not None:
            target = RESOURCE_TYPES[field.target]
            names += [f"{field.name}.{inner.name}" for inner in _open_fields(target, principal, shared=True)]
    for field in resource_type.beside:
        names += [f"{field.name}.{inner.name}" for inner in target_of(field).fields]
    return names


def find(resource_type: ResourceType, principal: Principal, name: str, at: str) -> Path:
    """Gives the path that `name` is, or raises `Invalid` at the place `at` with the names that are allowed."""
    through: list[Field] = []
    current, (steps, label) = resource_type, _steps(resource_type, name, at)
    field: Field | None = None
    if len(steps) <= MAX_DOTS + 1:
        for step in steps:
            if field is not None:
                if field.target is None:
                    field = None
                    break
                through.append(field)
                current = target_of(field)
            field = current.field(step) if through else current.step(step)
            if field is None or not _is_open(current, field, principal, shared=bool(through)):
                field = None
                break
    if field is None or field in resource_type.beside:
        choices = ", ".join(allowed(resource_type, principal))
        raise Invalid.at(at, "unknown_field", f"A {resource_type.singular} has no field '{name}'. Fields: {choices}.")
    if field.shown_as is not None:
        assert field.target is not None
        shown = RESOURCE_TYPES[field.target].field(field.shown_as)
        assert shown is not None
        return Path((*through, field), RESOURCE_TYPES[field.target], shown)
    return Path(tuple(through), current, field, label)


def _steps(resource_type: ResourceType, name: str, at: str) -> tuple[list[str], str | None]:
    """The steps of a path, and the key of a label that it ends with, whose dots lead nowhere. Raises `Invalid` for what is no key."""
    first, dot, key = name.partition(".")
    field = resource_type.field(first)
    if field is None or field.kind is not Kind.LABELS or not dot:
        return name.split("."), None
    try:
        return [first], label_key(key)
    except Invalid as error:
        raise Invalid.at(at, "unknown_field", f"The field '{name}' {error.detail}.") from None


def _open_fields(resource_type: ResourceType, principal: Principal, *, shared: bool = False) -> list[Field]:
    return [field for field in resource_type.fields if _is_open(resource_type, field, principal, shared=shared)]


def _is_open(resource_type: ResourceType, field: Field, principal: Principal, *, shared: bool) -> bool:
    # What changes without a new version of the catalogue would change lists under an ETag that stays.
    stays = not (shared and field.name in resource_type.volatile)
    return stays and field.kind not in _CLOSED and principal.sees(field, through_reference=shared)


def where(resource_type: ResourceType, principal: Principal, specification: Filter, at: str = "") -> list[Clause]:
    """Gives the conditions of a filter, soft deletion included; raises `Invalid` at `<at>expressions.<i>...`."""
    clauses = _clauses(resource_type, principal, specification.expressions, f"{at}expressions")
    if resource_type.soft_delete is not None and not specification.include_inactive:
        clauses.append(resource_type.column(resource_type.soft_delete).is_(None))
    return clauses


def order_by(
    resource_type: ResourceType, principal: Principal, orders: Sequence[Order], at: str = ""
) -> list[sa.ColumnElement[Any]]:
    """Gives a total order: the named fields, nulls where they are asked for, then the pk."""
    terms = order_terms(resource_type, principal, orders, at)
    return [*(term.directed for term in terms), resource_type.column("pk").asc()]


def order_terms(resource_type: ResourceType, principal: Principal, orders: Sequence[Order], at: str = "") -> list[Term]:
    """Gives the fields of an order; raises `Invalid`."""
    terms: list[Term] = []
    for index, order in enumerate(orders):
        place = f"{at}order_by.{index}.field"
        path = find(resource_type, principal, order.field, place)
        if path.kind in (Kind.MANY, Kind.LABELS):
            raise Invalid.at(
                place,
                "not_ordered",
                f"'{order.field}' has many values, so it cannot order a list: order by another field.",
            )
        column: sa.ColumnElement[Any] = path.compared
        owner: ResourceType = path.resource_type
        for step, holder in zip(reversed(path.through), reversed(_holders(resource_type, path)), strict=True):
            target = owner.table.alias()
            here, there = join_of(step)
            column = (
                sa.select(_on(target, column))
                .where(target.c[there] == holder.column(here))
                .correlate(holder.table)
                .scalar_subquery()
            )
            owner = holder
        terms.append(Term(column, path.kind, order.ascending, order.nulls_first))
    return terms


def _holders(resource_type: ResourceType, path: Path) -> list[ResourceType]:
    return [resource_type, *map(target_of, path.through[:-1])][: len(path.through)]


def _on(target: sa.FromClause, column: sa.ColumnElement[Any]) -> sa.ColumnElement[Any]:
    return target.c[column.name] if isinstance(column, sa.Column) else column


def _clauses(
    resource_type: ResourceType, principal: Principal, expressions: Sequence[Expression], at: str
) -> list[Clause]:
    return [_clause(resource_type, principal, expression, f"{at}.{i}") for i, expression in enumerate(expressions)]


def _clause(resource_type: ResourceType, principal: Principal, expression: Expression, at: str) -> Clause:
    if isinstance(expression, Both | Either):
        parts = _clauses(resource_type, principal, expression.sub_expressions, f"{at}.sub_expressions")
        clause = _join(sa.and_ if isinstance(expression, Both) else sa.or_, parts)
    else:
        path = find(resource_type, principal, expression.field, f"{at}.field")
        clause = _condition(path, expression, at)
        for step, holder in zip(reversed(path.through), reversed(_holders(resource_type, path)), strict=True):
            here, there = join_of(step)
            clause = holder.column(here).in_(sa.select(target_of(step).column(there)).where(clause).correlate(None))
        if isinstance(expression, IsNull):
            clause = sa.not_(sa.func.coalesce(clause, sa.false()))
    # NOT would drop the rows whose field is null: they do not match, so their inverse does.
    return sa.not_(sa.func.coalesce(clause, sa.false())) if expression.invert else clause


class _Enclosed(Grouping[bool]):
    """Parentheses that stay: SQLAlchemy looks through its own, and makes one flat chain of an AND of ANDs."""

    inherit_cache = True
    operator = None


def _join(operator: Any, parts: list[Clause]) -> Clause:
    while len(parts) > _CHAIN:
        parts = [_Enclosed(operator(*parts[i : i + _CHAIN])) for i in range(0, len(parts), _CHAIN)]
    return _Enclosed(operator(*parts))


def conjunction(clauses: list[Clause]) -> Clause:
    """Gives the AND of any number of conditions, shallow enough for both databases; true where there is none."""
    return _join(sa.and_, clauses) if clauses else sa.true()


def _condition(path: Path, expression: Exact | Contains | IsNull | Compare, at: str) -> Clause:
    """The condition on the path's last table; for `is_null` its opposite, that there is a value."""
    column, kind = path.column, path.kind
    if isinstance(expression, IsNull):
        return column.is_not(None)
    if kind is Kind.LABELS:
        raise _wrong(
            at,
            "field",
            expression.field,
            f"has a value for each key: write the key too, as in '{expression.field}.zone'",
        )
    if isinstance(expression, Contains):
        if kind not in _TEXTUAL:
            raise _wrong(at, "field", expression.field, "is not text: use another operator than 'contains'")
        fold = expression.case_insensitive or path.field.any_case
        parts = _spellings(expression.sub_string, path.field.canonical_part)
        if fold:
            parts = [part.lower() for part in parts]
        return _text(path, lambda text: sa.or_(*(position_of(text, part) > 0 for part in parts)), fold)
    if isinstance(expression, Compare):
        if kind not in _ORDERED:
            raise _wrong(at, "field", expression.field, "has no order: use another operator than 'compare'")
        value = _value(path, expression.value, at, expression.field)
        if kind is Kind.REFERENCE and isinstance(value, str):
            raise _wrong(
                at,
                "value",
                expression.field,
                "is compared by its pk; to compare a version, use a path such as "
                f"'{expression.field}.{RESOURCE_TYPES[path.field.target or ''].natural_keys[-1]}'",
            )
        if kind is Kind.VERSION:
            if not is_ordered(str(value), has_words=path.field.has_words):
                raise _wrong(at, "value", expression.field, f"takes {_TYPES[kind][1]}")
            value = sort_key(str(value))
        clause: Clause = _COMPARE[expression.operator](path.compared, _bound(path, value))
        return clause
    value = _value(path, expression.value, at, expression.field)
    if kind is Kind.REFERENCE and isinstance(value, str):
        assert path.field.target is not None
        target = RESOURCE_TYPES[path.field.target]
        return column.in_(sa.select(target.column("pk")).where(names(target.name, value)).correlate(None))
    if kind is Kind.VERSION and not (path.field.has_words or is_ordered(str(value), has_words=False)):
        raise _wrong(at, "value", expression.field, f"takes {_TYPES[kind][1]}")
    if kind in _TEXTUAL:
        fold = expression.case_insensitive or path.field.any_case
        spellings = _spellings(str(value), path.field.canonical)
        if fold:
            spellings = [spelling.lower() for spelling in spellings]
        return _text(path, lambda text: text.in_(spellings) if len(spellings) > 1 else text == spellings[0], fold)
    return column == _bound(path, value)


def _spellings(text: str, canonical: Callable[[str], str]) -> list[str]:
    """The text as it stands, which older rows may have, and the form in which it is stored where that is another."""
    try:
        stored = canonical(text)
    except Invalid:  # only older rows can have it
        stored = text
    return [text] if stored == text else [text, stored]


def _bound(path: Path, value: Value) -> Value | sa.ColumnElement[Any]:
    """The value as the statement takes it: a whole number as one of 64 bits, also where the column has fewer."""
    whole = path.kind in (Kind.INTEGER, Kind.REFERENCE)
    return sa.literal(value, sa.BigInteger) if whole else value


def _text(path: Path, condition: Any, fold: bool) -> Clause:
    if path.kind is not Kind.MANY:
        return condition(folded(path.column) if fold else path.column)  # type: ignore[no-any-return]  # a condition on text
    # Many rows have the same list: each different one is looked into once, and an index finds its rows.
    lists = sa.select(path.column.label("many")).distinct().subquery()
    each = elements_of(lists.c.many).table_valued("value")
    element = folded(each.c.value) if fold else each.c.value
    having = sa.exists(sa.select(sa.literal(1)).select_from(each).where(condition(element)).correlate(lists))
    return path.column.in_(sa.select(lists.c.many).where(having).correlate(None))


_TYPES: dict[Kind, tuple[tuple[type, ...], str]] = {
    Kind.INTEGER: ((int,), "a whole number"),
    Kind.NUMBER: ((int, float), "a number"),
    Kind.TEXT: ((str,), "a text"),
    Kind.VERSION: ((str,), 'a version as text, such as "12.4"'),
    Kind.MANY: ((str,), "a text"),
    Kind.BOOLEAN: ((bool,), "true or false"),
    Kind.TIME: ((str,), 'a time such as "2026-11-23T10:00:00Z"'),
    Kind.REFERENCE: ((int, str), "a pk or a name"),
}


def _value(path: Path, value: Value, at: str, name: str) -> Value:
    types, expected = _TYPES[path.kind]
    if not isinstance(value, types) or (isinstance(value, bool) and bool not in types):
        raise _wrong(at, "value", name, f"takes {expected}")
    if isinstance(value, int) and abs(value) > MAX_INTEGER:
        raise _wrong(at, "value", name, "takes only numbers of up to 64 bits")
    if path.kind is Kind.TIME:
        try:
            moment = datetime.fromisoformat(str(value))
        except ValueError:
            raise _wrong(at, "value", name, f"takes {expected}") from None
        if moment.tzinfo is None:
            raise _wrong(at, "value", name, f"takes a time with its zone, such as {expected.split()[-1]}")
        try:
            return timestamp(moment)
        except OverflowError:
            raise _wrong(at, "value", name, f"takes {expected}") from None
    return value


def _wrong(at: str, part: str, name: str, why: str) -> Invalid:
    code = "wrong_type" if part == "value" else "wrong_field"
    return Invalid.at(f"{at}.{part}", code, f"The field '{name}' {why}.")
