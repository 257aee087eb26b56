"""Shows the inspection of an image: its reference, platforms and facts, and what contradicts the catalogue."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text

from bayplan.cli.images._facts_view import fact_value
from bayplan.cli.images._view import named
from bayplan.cli.output import MUTED, Column, Lines, count, fields, moment, show, size, table, words

if TYPE_CHECKING:
    from bayplan.schemas.docker import ExpandedImageAnswer
    from bayplan.schemas.inspection import Contradiction, InspectedPlatform, InspectionAnswer


def show_inspection(inspection: InspectionAnswer, image: ExpandedImageAnswer | None) -> None:
    """Prints all of the inspection; `image` is the image of the catalogue that it is stored for."""
    parts: list[Text | Lines] = [
        fields(
            [
                ("image", named(image["name"], image["version"]) if image else "not in the catalogue"),
                ("reference", inspection["reference"]),
                ("digest", inspection["digest"]),
                ("media type", inspection["media_type"]),
                ("asked", moment(inspection["checked"])),
            ]
        ),
        Text(),
        _platforms(inspection["platforms"], inspection["digest"]),
        Text(),
        _facts(inspection["platforms"]),
    ]
    if attached := _attached(inspection["platforms"]):
        parts += [Text(), *attached]
    for contradiction in inspection["contradictions"]:
        parts += [Text(), _contradiction(contradiction)]
    show(*parts)


def _platforms(platforms: list[InspectedPlatform], digest: str) -> Text | Lines:
    """A line for each platform; with the digests where they are not the image's own."""
    columns = [Column("platform"), Column("size", right=True), Column("created")]
    if any(platform["digest"] != digest for platform in platforms):
        columns.append(Column("digest", gives_way=True))
    rows = [
        (
            _platform(platform),
            size(platform["size_bytes"]),
            moment(platform["created"]) if platform["created"] else "-",
            platform["digest"],
        )
        for platform in platforms
    ]
    return table(columns, rows) if rows else Text("The image names no platform.", style=MUTED)


def _facts(platforms: list[InspectedPlatform]) -> Text | Lines:
    """The facts; a fact that platforms share is one line."""
    platforms_of: dict[tuple[str, str, str, str], list[str]] = {}
    for platform in platforms:
        for name, fact in platform["facts"].items():
            key = (name, fact_value(fact["value"]), fact["source"], fact["certainty"])
            platforms_of.setdefault(key, []).append(_platform(platform))
    if not platforms_of:
        return Text("The image has no facts that bayplan reads.", style=MUTED)
    columns = [Column("fact"), Column("value", gives_way=True), Column("read from", gives_way=True)]
    if len(platforms) > 1:
        columns.append(Column("on"))
    rows = []
    for (name, value, source, certainty), on in sorted(platforms_of.items(), key=lambda item: item[0][0]):
        where = source if certainty == "stated" else f"{source} (worked out)"
        everywhere = "all" if len(on) == len(platforms) else ", ".join(on)
        rows.append((name, value, where, everywhere)[: len(columns)])
    return table(columns, rows)


def _attached(platforms: list[InspectedPlatform]) -> list[Text]:
    """A line for each attached document, with what is wrong with it."""
    documents = {item["digest"] + item["kind"]: item for platform in platforms for item in platform.get("attached", [])}
    lines = []
    for document in documents.values():
        packages = "" if document["packages"] is None else f", {count(document['packages'], 'package')}"
        problem = "" if document["problem"] is None else f": {words(document['problem'])}"
        lines.append(Text.assemble(("attached", MUTED), f"  {words(document['kind'])}{packages}{problem}"))
    return lines


def _contradiction(contradiction: Contradiction) -> Text:
    catalogue = "none" if contradiction["catalogue"] is None else fact_value(contradiction["catalogue"])
    registry = fact_value(contradiction["registry"])
    text = Text.assemble(("contradiction", "bold yellow"), "  ", (words(contradiction["field"]), "bold"))
    return text.append(
        f"\nThe catalogue says {catalogue}; the image says {registry} ({words(contradiction['source'])})."
    )


def _platform(platform: InspectedPlatform) -> str:
    return words("/".join(filter(None, (platform["os"], platform["architecture"], platform["variant"]))) or "not named")
