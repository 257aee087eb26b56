"""What a name that no row has may mean: a framework by another spelling, else the nearest names.

Rows are read for a name that there is not, and for no other.
"""

import re
from collections.abc import Awaitable, Callable
from typing import Any

import sqlalchemy as sa

from bayplan.db import tables
from bayplan.db.database import Rows
from bayplan.domain.framework_spec import FrameworkSpec
from bayplan.domain.nearest import did_you_mean, mean
from bayplan.errors import Invalid

Fetch = Callable[[sa.Select[Any]], Awaitable[Rows]]

MOST_ROWS = 5_000
NAMED_AT_MOST = 5
_BEFORE_VERSION = re.compile(r"\s*==\s*|[\s:@]+")


async def framework_meant(fetch: Fetch, text: str) -> tuple[int | None, str]:
    """The framework of that very version by another spelling ("torch 2.4", "pytorch==2.4"), or which of those named are meant.

    "PyTorch 2.4" is not 2.4.1 where an image is described, as it is where one is looked for.
    """
    try:
        spec = FrameworkSpec.parse(text)
    except Invalid:
        return None, ""
    columns = tables.frameworks.c
    rows = await fetch(sa.select(columns.pk, columns.name, columns.version).order_by(columns.pk).limit(MOST_ROWS))
    named = [row for row in rows if spec.accepts(row[1], row[2])]
    version = _BEFORE_VERSION.split(text.strip())[-1].casefold()
    exactly = [row for row in named if row[2].casefold() == version]
    if len(exactly) == 1:
        return int(exactly[0][0]), ""
    return None, mean([f"{row[1]} {row[2]}" for row in named[-NAMED_AT_MOST:]])


async def near(fetch: Fetch, name: sa.ColumnElement[str], text: str) -> str:
    """The question which of the nearest names is meant; an empty text where none is near."""
    rows = await fetch(sa.select(name).distinct().order_by(name).limit(MOST_ROWS))
    return did_you_mean(text, [str(row[0]) for row in rows])
