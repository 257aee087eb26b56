"""Loading the examples into a catalogue that is empty."""

import asyncio
from pathlib import Path
from typing import Any

import orjson
import sqlalchemy as sa
import yaml

from bayplan.db import tables
from bayplan.db.database import Database, fetch_all
from bayplan.db.principal import Principal
from bayplan.errors import Conflict
from bayplan.schemas.catalogue import Document
from bayplan.server.catalogue_file import queries as catalogue_file
from bayplan.server.context import Context
from bayplan.server.http.parsing import parse

Object = dict[str, Any]
_FILES = ("catalogue.yaml", "fleet.yaml")
_PACKAGE = Path(__file__).parents[2]
# Where the wheel has them, and where the repository does.
_FOLDERS = (_PACKAGE / "examples", _PACKAGE.parents[1] / "examples")
_FILLED_BY_PEOPLE = (tables.images, tables.nodes, tables.frameworks)


async def is_empty(db: Database) -> bool:
    """Whether nobody has entered anything: no image, also no deleted one, no node and no framework."""
    statement = sa.select(sa.or_(*(sa.exists(sa.select(table.c.pk)) for table in _FILLED_BY_PEOPLE)))
    return not (await fetch_all(db, statement))[0][0]


async def load_examples(context: Context, principal: Principal) -> Object:
    """Adds the example catalogue and fleet, and gives what changed; raises `Conflict` where the catalogue is not empty."""
    version = await context.db.version()
    if not await is_empty(context.db):
        raise Conflict("The catalogue is not empty, so the examples were not loaded.")
    document = await asyncio.to_thread(_document)
    return await catalogue_file.apply_document(
        context, principal, document, prune=False, dry_run=False, if_version=str(version)
    )


def _document() -> Document:
    folder = next(folder for folder in _FOLDERS if (folder / _FILES[0]).is_file())
    content: dict[str, list[Any]] = {}
    for name in _FILES:
        for section, entries in yaml.safe_load((folder / name).read_text(encoding="utf-8")).items():
            content.setdefault(section, []).extend(entries)
    return parse(orjson.dumps(content), Document)
