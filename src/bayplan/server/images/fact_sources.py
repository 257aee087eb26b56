"""The facts of an image with all of their sources side by side, and on architectures where they are others."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import sqlalchemy as sa

from bayplan.db import tables
from bayplan.db.database import Database, fetch_all
from bayplan.domain.compatibility.image import FACT_NAMES, Image
from bayplan.domain.compatibility.image_requirements import ImageRequirements
from bayplan.domain.compatibility.tables import Tables
from bayplan.domain.facts import (
    ARCHITECTURES,
    ORIGINS,
    REGISTRY,
    SCAN,
    STAFF,
    TABLE,
    agree,
    architecture,
    first_architecture,
    on_architecture,
)
from bayplan.server.scans import queries as scan_queries

Object = dict[str, Any]
Values = Mapping[tuple[str, str], Any]


@dataclass(frozen=True, slots=True)
class StoredFacts:
    """The facts of an image by (name, origin), those that replace an origin's on an architecture, and what says each."""

    values: Values
    by_origin: Mapping[str, Mapping[str, Mapping[str, Any]]]
    says: Mapping[tuple[str | None, str, str], Mapping[str, Any]]
    """By architecture, name and origin: the fact in the form of inspections. The image's own are those of `first`."""
    first: str | None


async def stored_facts(db: Database, pk: int) -> StoredFacts:
    """Gives what is stored of an image's facts."""
    facts, inspections = tables.image_facts, tables.inspections
    rows = await fetch_all(db, sa.select(facts.c.name, facts.c.origin, facts.c.value).where(facts.c.image == pk))
    values = {(row.name, row.origin): row.value for row in rows}
    inspected = await fetch_all(db, sa.select(inspections).where(inspections.c.image == pk))
    if not inspected:
        return StoredFacts(values, {}, {}, None)
    row = inspected[0]
    says: dict[tuple[str | None, str, str], Mapping[str, Any]] = {}
    for platform in row.platforms:
        for name, fact in platform["facts"].items():
            says.setdefault((architecture(platform), name, REGISTRY), fact)
    for scan in await scan_queries.scans_of(db, pk):
        for name, fact in (scan["facts"] or {}).items():
            says.setdefault((scan["architecture"], name, SCAN), fact)
    by_origin = {
        origin: replaced
        for origin, replaced in ((REGISTRY, row.by_architecture), (SCAN, row.scanned_by_architecture))
        if replaced
    }
    return StoredFacts(values, by_origin, says, first_architecture(map(architecture, row.platforms)))


def entries(stored: StoredFacts, image: Image, table_rows: Tables) -> Object:
    """Gives every fact as the API answers it."""
    own = _sources(stored, stored.values, stored.first, image, table_rows)
    there = {
        name: _sources(stored, on_architecture(stored.values, stored.by_origin, name), name, image, table_rows)
        for name in sorted({name for of_origin in stored.by_origin.values() for name in of_origin})
    }
    answer: Object = {}
    for name in FACT_NAMES:
        entry = answer[name] = _used(own[name])
        if any(source["origin"] != STAFF for source in own[name]):
            entry |= {"sources": own[name], "disagree": _disagree(own[name])}
        others = {other: facts[name] for other, facts in there.items() if _used(facts[name]) != _used(own[name])}
        if others:
            entry["by_architecture"] = {
                other: {**_used(sources), "sources": sources, "disagree": _disagree(sources)}
                for other, sources in others.items()
            }
    return answer


def _sources(
    stored: StoredFacts, values: Values, architecture_name: str | None, image: Image, table_rows: Tables
) -> dict[str, list[Object]]:
    """Gives the sources of each fact on an architecture, the strongest first."""
    sources: dict[str, list[Object]] = {name: [] for name in FACT_NAMES}
    for name in FACT_NAMES:
        for origin in ORIGINS:
            if (name, origin) in values:
                says = stored.says.get((architecture_name, name, origin), {})
                source = "manifest" if name == ARCHITECTURES and origin == REGISTRY else says.get("source")
                sources[name].append(
                    {
                        "origin": origin,
                        "value": values[name, origin],
                        "source": source,
                        "certainty": says.get("certainty"),
                    }
                )
    for name, value in table_rows.facts(image.framework, image.framework_version).items():
        source = f"the release of {image.framework} {image.framework_version}"
        sources[name].append({"origin": TABLE, "value": value, "source": source, "certainty": "derived"})
    builds = ImageRequirements(replace(image, kernel_architectures=None), table_rows).builds(architecture_name)
    if builds:
        sources["kernel_architectures"].append(
            {"origin": TABLE, "value": list(builds[-1].texts), "source": builds[-1].source, "certainty": "derived"}
        )
    return sources


def _used(sources: Sequence[Object]) -> Object:
    if not sources:
        return {"value": None, "origin": None}
    return {"value": sources[0]["value"], "origin": sources[0]["origin"]}


def _disagree(sources: Sequence[Object]) -> bool:
    return any(not agree(sources[0]["value"], other["value"]) for other in sources[1:])
