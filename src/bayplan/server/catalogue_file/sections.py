"""The sections of the document: each a resource, in an order in which an entry refers only to those of sections before it."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, get_args

import sqlalchemy as sa

from bayplan.db import tables
from bayplan.db.database import Rows, Transaction
from bayplan.db.keyring import Keyring
from bayplan.db.resource_types import RESOURCE_TYPES, Kind, ResourceType
from bayplan.domain.versions import sort_key
from bayplan.schemas.catalogue import SectionName

Fetch = Callable[[sa.Select[Any]], Awaitable[Rows]]
Entry = dict[str, Any]
Identity = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class DocumentSection:
    """A section of the document: its name, its resource, and how its entries are told apart on the screen."""

    name: str
    resource_type: ResourceType
    separator: str = " "
    by_name: bool = False
    """Whether an export has the entries by their natural key. Others are by age, which applying them keeps; these may be
    there before a document is applied."""

    def identity(self, entry: Mapping[str, Any]) -> Identity:
        """Gives what makes two entries the same object."""
        return tuple(entry[key] for key in self.resource_type.natural_keys)

    def key(self, entry: Mapping[str, Any]) -> str:
        """Gives an entry's name for people."""
        return self.separator.join(str(part) for part in self.identity(entry))

    def order(self, entry: Mapping[str, Any]) -> Identity:
        """Gives what entries are sorted by where they are by their natural key; versions as versions."""
        fields = [self.resource_type.field(key) for key in self.resource_type.natural_keys]
        return tuple(
            sort_key(entry[field.name]) if field.kind is Kind.VERSION else entry[field.name]
            for field in fields
            if field is not None
        )


@dataclass(frozen=True, slots=True)
class SectionRules:
    """What the entries of a section take beside the document: columns that the server adds to new objects, what checks a
    body before it is stored, how an object is removed, and which rows bayplan ships."""

    born: Entry
    prepare: Callable[[Entry], Awaitable[Entry]]
    remove: Callable[[Transaction, ResourceType, int, str | None, Keyring], Awaitable[None]]
    shipped: Sequence[Entry] = ()


_RESOURCES = {"images": "docker"}
_SEPARATORS = {"nodes": "#"}
_BY_NAME = frozenset(("cuda", "hardware", "domains", "licences", "users"))
SECTIONS: tuple[DocumentSection, ...] = tuple(
    DocumentSection(name, RESOURCE_TYPES[_RESOURCES.get(name, name)], _SEPARATORS.get(name, " "), name in _BY_NAME)
    for name in get_args(SectionName)
)

# What a reference is called in a document.
NAMES: Mapping[str, sa.Select[Any]] = {
    "cuda": sa.select(tables.cuda.c.pk, tables.cuda.c.full_version.label("name")),
    "hardware": sa.select(tables.hardware.c.pk, tables.hardware.c.generation.label("name")),
    "frameworks": sa.select(
        tables.frameworks.c.pk, (tables.frameworks.c.name + " " + tables.frameworks.c.version).label("name")
    ),
    "domains": sa.select(tables.domains.c.pk, tables.domains.c.name.label("name")),
    "licences": sa.select(tables.licences.c.pk, tables.licences.c.name.label("name"), tables.licences.c.aliases),
}


async def names_of(fetch: Fetch, target: str) -> dict[int, str]:
    """Gives what each row of a resource is called in a document: a licence by its SPDX id where that means no other."""
    rows = await fetch(NAMES[target])
    names = {row.pk: row.name for row in rows}
    if target == "licences":
        taken = set(names.values())
        names |= {row.pk: row.aliases[0] for row in rows if row.aliases and row.aliases[0] not in taken}
    return names
