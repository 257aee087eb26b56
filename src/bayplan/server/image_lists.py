"""Lists of docker images that need no query: all of them, and those that exact filters let through.

Everything else is SQL. A filter is answered here where it consists of exact expressions on the framework, the domain, the CUDA
release and the tasks, and the list is ordered by pk; what it gives is what SQL gives.
"""

import asyncio
from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import sqlalchemy as sa

from bayplan.db.as_of import AsOf, emptied_by_writes
from bayplan.db.compiled import CompiledStatement
from bayplan.db.cursor import PK, Cursor, order_name, parameters
from bayplan.db.database import Database, Rows
from bayplan.db.disclosure import Disclosure
from bayplan.db.natural_keys import names
from bayplan.db.principal import EVERYBODY, Principal
from bayplan.db.query import conjunction, find, where
from bayplan.db.resource_types import RESOURCE_TYPES, Kind
from bayplan.domain.compatibility.index import CatalogueIndex
from bayplan.errors import Invalid
from bayplan.schemas.common import MAX_INTEGER
from bayplan.schemas.filters import Exact, Filter
from bayplan.server.http.responses import Parts
from bayplan.server.matching.queries import Judge
from bayplan.server.snapshot import MANY_IMAGES, ImageSnapshots, json_array

IMAGES = RESOURCE_TYPES["docker"]
_ORDER = order_name(IMAGES.name)
_MOST_REFERRED = 1_024
_MOST_CONDITIONS = 8
_MOST_CHARACTERS = 200  # of a value that is kept; no name is longer

Referred = frozenset[int | str]
"""What an image refers to: the pks of frameworks or CUDA releases, or the names of domains."""


@dataclass(frozen=True, eq=False, slots=True)
class _Condition:
    """An exact expression on what images refer to: the rows that it names, as pks or by a query."""

    find: Callable[[CatalogueIndex, int | str], int]
    referred: Referred | CompiledStatement


@dataclass(frozen=True, slots=True)
class _Task:
    """An exact expression on the tasks of images."""

    folded: str


# What leads from a filter's field to images of the index.
_FOUND_BY: dict[str, Callable[[CatalogueIndex, int | str], int]] = {
    "framework": lambda index, pk: index.with_framework(int(pk)),
    "cuda_version": lambda index, pk: index.with_cuda(int(pk)),
    "domain": lambda index, name: index.of_domain(str(name)),
}
# What the index knows the row of a reference by.
_KNOWN_BY = {"framework": "pk", "cuda_version": "pk", "domain": "name"}


@dataclass(frozen=True, eq=False, slots=True)
class ImageList:
    """A list that needs no query; without conditions all live images."""

    conditions: tuple[_Condition | _Task, ...]
    limit: int | None
    offset: int


@dataclass(frozen=True, slots=True)
class ImagePage:
    """A part of a list as JSON, and how many images the list has where a page was asked for."""

    body: bytes | Parts
    total: int | None
    following: str | None = None


def image_list(specification: Filter, *, limit: int | None, offset: int) -> ImageList | None:
    """Gives the list that a filter names, None where it is one for SQL (which also says what is wrong with it)."""
    if specification.order_by or specification.include_inactive or len(specification.expressions) > _MOST_CONDITIONS:
        return None
    conditions = []
    for expression in specification.expressions:
        if not isinstance(expression, Exact) or expression.invert or len(str(expression.value)) > _MOST_CHARACTERS:
            return None
        condition = _condition(expression.field, expression.value, expression.case_insensitive)
        if condition is None:
            return None
        conditions.append(condition)
    return ImageList(tuple(conditions), limit, offset)


# Typed: 1 and true are equal, and only one of them is a pk.
@lru_cache(maxsize=4_096, typed=True)
def _condition(field: str, value: bool | float | str, case_insensitive: bool) -> _Condition | _Task | None:
    try:
        path = find(IMAGES, EVERYBODY, field, field)
    except Invalid:
        return None
    if not path.through and path.field.name == "tasks":
        # Databases differ in what the lower case of other letters is.
        return _Task(value.lower()) if isinstance(value, str) and value.isascii() else None
    first = path.through[0] if path.through else path.field
    if first.name not in _FOUND_BY or len(path.through) > 1:
        return None
    assert first.target is not None
    target = RESOURCE_TYPES[first.target]
    find_images = _FOUND_BY[first.name]
    if path.through:
        if path.field.kind is Kind.REFERENCE:
            return None
        expression = Exact(type="exact", field=path.field.name, value=value, case_insensitive=case_insensitive)
        try:
            condition = conjunction(where(target, EVERYBODY, Filter(expressions=[expression])))
        except Invalid:
            return None
    elif isinstance(value, str):
        condition = names(target.name, value)
    elif type(value) is int and abs(value) <= MAX_INTEGER:
        return _Condition(find_images, frozenset((value,)))
    else:
        return None
    known_by = target.column(_KNOWN_BY[first.name])
    return _Condition(find_images, CompiledStatement(sa.select(known_by).where(condition)))


class ImageLists:
    """Answers lists of one server process."""

    def __init__(self, db: Database, images: ImageSnapshots, judge: Judge) -> None:
        self._db, self._images, self._judge = db, images, judge
        self._referred: AsOf[dict[CompiledStatement, Referred]] = emptied_by_writes(db)

    async def page(
        self,
        asked: ImageList,
        principal: Principal,
        version: int,
        disclosure: Disclosure,
        after: Cursor | None = None,
    ) -> ImagePage:
        """Gives the images of a list as of `version` or a later one; raises `Invalid` for the cursor of another list."""
        after_pk = None if after is None else parameters(after, (), _ORDER)[PK]
        if asked.conditions:
            pks = await self._filtered(asked.conditions, version)
        else:
            snapshot = await self._images.at(version)
            pks = snapshot.live
            if asked.limit is None and not asked.offset and after_pk is None:
                if not principal.sees_credentials or not snapshot.with_credentials:
                    return ImagePage(await snapshot.whole(), None)
                pks = pks.copy()
        paged = asked.limit is not None or asked.offset > 0 or after_pk is not None
        total, following = len(pks) if paged else None, None
        if paged:
            start = asked.offset if after_pk is None else bisect_right(pks, after_pk)
            end = len(pks) if asked.limit is None else start + asked.limit
            if end < len(pks):
                following = str(Cursor(_ORDER, (), pks[end - 1]))
            pks = pks[start:end]
        shown = await self._images.shown(principal, pks, version, disclosure)
        return ImagePage(await json_array(list(shown.values())), total, following)

    async def _filtered(self, conditions: tuple[_Condition | _Task, ...], version: int) -> list[int]:
        """The live images that all the conditions let through, by pk; snapshot and index are of one version then."""
        referred = [await self._rows(condition, version) for condition in conditions]
        catalogue = await self._judge.at(version)
        while catalogue.version != self._images.version:
            await self._images.at(catalogue.version)
            catalogue = await self._judge.at(self._images.version)
        index = catalogue.index
        images = index.every
        for condition, rows in zip(conditions, referred, strict=True):
            if isinstance(condition, _Task):
                images &= index.for_task(condition.folded, str.lower)
            else:
                some = 0
                for row in rows:
                    some |= condition.find(index, row)
                images &= some
        if images.bit_count() > MANY_IMAGES:  # 100,000 would hold the event loop for 50 ms
            return await asyncio.to_thread(lambda: sorted(index.pks(images)))
        return sorted(index.pks(images))

    async def _rows(self, condition: _Condition | _Task, version: int) -> Referred:
        """The rows that a condition names: a name is looked up once for each version of the catalogue."""
        if isinstance(condition, _Task):
            return frozenset()
        if isinstance(condition.referred, frozenset):
            return condition.referred
        kept = await self._referred.at(version)
        rows = kept.get(condition.referred)
        if rows is None:
            rows = await self._db.fetch(condition.referred, _first_column)
            if len(kept) >= _MOST_REFERRED:
                kept.clear()
            kept[condition.referred] = rows
        return rows


def _first_column(rows: Rows) -> Referred:
    return frozenset(row[0] for row in rows)
