"""Shows the facts about an image: a line for each of a fact's sources, the one that is used first, and disagreements above all."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, cast

from rich.text import Text

from bayplan.cli.output import MUTED, Column, count, show, table, words

if TYPE_CHECKING:
    from bayplan.schemas.facts import ArchitectureFact, FactAnswer, FactsAnswer, FactSource

_DIFFERENT = "yellow"
_Line = tuple[Text, Text, Text, Text]


def show_facts(facts: FactsAnswer, title: str | None = None) -> None:
    """Prints the facts, also those without a value; those whose sources disagree come first. `title` names their image."""
    if title is not None:
        show(Text(title, style="bold"))
    by_name = cast("Mapping[str, FactAnswer]", facts)  # a type checker takes the values of a TypedDict for objects
    differing = [name for name, fact in by_name.items() if _disagrees(fact)]
    names = [*differing, *(name for name in by_name if name not in differing)]
    lines = [line for name in names for line in _lines(name, by_name[name])]
    columns = [Column("fact"), Column("from"), Column("value", gives_way=True)]
    if any(line[3] for line in lines):
        columns.append(Column("source", gives_way=True))
    rows = [line[: len(columns)] for line in lines]
    if not differing:
        return show(table(columns, rows))
    verb = "differs" if len(differing) == 1 else "differ"
    note = f"{count(len(differing), 'fact')} {verb} between sources: the first line of each is used."
    return show(Text(note, style=_DIFFERENT), table(columns, rows))


def fact_value(value: object) -> str:
    """The value of a fact as text."""
    if value is None:
        return "not known"
    if isinstance(value, dict):
        return "; ".join(f"{name} {words(inner)}" for name, inner in value.items())
    return words(value)


def _disagrees(fact: FactAnswer) -> bool:
    there = fact.get("by_architecture", {}).values()
    return fact.get("disagree", False) or any(other["disagree"] for other in there)


def _lines(name: str, fact: FactAnswer) -> Iterator[_Line]:
    style = _DIFFERENT if _disagrees(fact) else ""
    yield from _lines_of_sources(Text(name, style=style), fact)
    for architecture, there in fact.get("by_architecture", {}).items():
        yield from _lines_of_sources(Text(f"  on {architecture}", style=style), there)


def _short(source: str) -> str:
    """A file by its name and its folder's, which tell what it is of."""
    steps = source.split("/")
    return source if " " in source or len(steps) < 4 else "/".join(("...", *steps[-2:]))


def _lines_of_sources(title: Text, fact: FactAnswer | ArchitectureFact) -> Iterator[_Line]:
    own: FactSource = {"origin": fact["origin"] or "-", "value": fact["value"], "source": None, "certainty": None}
    sources: Sequence[FactSource] = fact.get("sources") or [own]
    for number, source in enumerate(sources):
        style = "" if number == 0 else MUTED
        says = _short(source["source"] or "")
        derived = " (derived)" if says and source["certainty"] == "derived" and source["origin"] != "table" else ""
        yield (
            title if number == 0 else Text(),
            Text(source["origin"], style=style),
            Text(fact_value(source["value"]), style=style),
            Text(words(says) + derived if says else "", style=MUTED),
        )
