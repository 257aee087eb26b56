"""What an image says about itself, on the screen: where it lies, its platforms, its facts, and what the catalogue has otherwise."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import RenderableType
from rich.text import Text

from bayplan.cli.images._view import fact_value, named
from bayplan.cli.output import MUTED, Column, fields, moment, show, size, table, words

if TYPE_CHECKING:
    from bayplan.schemas.docker import ExpandedImageAnswer
    from bayplan.schemas.inspection import Contradiction, InspectedPlatform, InspectionAnswer


def show_inspection(found: InspectionAnswer, image: ExpandedImageAnswer | None) -> None:
    """All of it; `image` is the image of the catalogue that it was stored for."""
    parts: list[RenderableType] = [
        fields(
            [
                ("image", named(image["name"], image["version"]) if image else "not in the catalogue"),
                ("reference", found["reference"]),
                ("digest", found["digest"]),
                ("media type", found["media_type"]),
                ("asked", moment(found["checked"])),
            ]
        ),
        Text(),
        _platforms(found["platforms"], found["digest"]),
        Text(),
        _facts(found["platforms"]),
    ]
    for contradiction in found["contradictions"]:
        parts += [Text(), _contradiction(contradiction)]
    show(*parts)


def _platforms(platforms: list[InspectedPlatform], digest: str) -> RenderableType:
    """A line for each; with their digests where these are not the image's own."""
    columns = [Column("platform"), Column("size", right=True), Column("created")]
    if any(one["digest"] != digest for one in platforms):
        columns.append(Column("digest", gives_way=True))
    rows = [
        (_platform(one), size(one["size_bytes"]), moment(one["created"]) if one["created"] else "-", one["digest"])
        for one in platforms
    ]
    return table(columns, rows) if rows else Text("It is for no platform.", style=MUTED)


def _facts(platforms: list[InspectedPlatform]) -> RenderableType:
    """Each fact once for all platforms that tell the same."""
    told: dict[tuple[str, str, str, str], list[str]] = {}
    for platform in platforms:
        for name, fact in platform["facts"].items():
            key = (name, fact_value(fact["value"]), fact["source"], fact["certainty"])
            told.setdefault(key, []).append(_platform(platform))
    if not told:
        return Text("It says nothing about itself that bayplan reads.", style=MUTED)
    columns = [Column("fact"), Column("value", gives_way=True), Column("read from", gives_way=True)]
    if len(platforms) > 1:
        columns.append(Column("on"))
    rows = []
    for (name, value, source, certainty), on in sorted(told.items(), key=lambda one: one[0][0]):
        where = source if certainty == "stated" else f"{source} (worked out)"
        everywhere = "all" if len(on) == len(platforms) else ", ".join(on)
        rows.append((name, value, where, everywhere)[: len(columns)])
    return table(columns, rows)


def _contradiction(found: Contradiction) -> Text:
    catalogue = "none" if found["catalogue"] is None else fact_value(found["catalogue"])
    registry = fact_value(found["registry"])
    text = Text.assemble(("contradiction", "bold yellow"), "  ", (words(found["field"]), "bold"))
    return text.append(f"\nThe catalogue says {catalogue}; the image says {registry} ({words(found['source'])}).")


def _platform(platform: InspectedPlatform) -> str:
    return words("/".join(part for part in (platform["os"], platform["architecture"], platform["variant"]) if part))
