"""The page of an image: what it is, where every fact comes from, where it runs and why not, and who has it."""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Annotated, Any, cast

from pydantic import Field
from starlette.responses import Response

from bayplan.domain import units
from bayplan.domain.compatibility.image import FACTS
from bayplan.domain.compatibility.verdict import ORDER, Grade, Reason
from bayplan.domain.node_names import NodeName
from bayplan.errors import Invalid
from bayplan.exports.compose import compose
from bayplan.exports.dra import dra
from bayplan.exports.floor_words import gpu_rows
from bayplan.exports.history_words import Names, field_texts, keys_of
from bayplan.exports.kubernetes import kubernetes
from bayplan.exports.matrix_picture import kind_title
from bayplan.exports.nfd import nfd
from bayplan.exports.slurm import slurm
from bayplan.schemas.floors import FloorAnswer, PlatformFloorAnswer
from bayplan.server.checks import queries as checks
from bayplan.server.context import Context
from bayplan.server.floors import queries as floors
from bayplan.server.history import queries as history
from bayplan.server.http.parameters import Offset, Parameters, one_of
from bayplan.server.images import queries
from bayplan.server.lifecycles import queries as lifecycles
from bayplan.server.matching.queries import facts_shown
from bayplan.server.prefetch import queries as prefetch
from bayplan.web.formats import value_in_words
from bayplan.web.images import STATE_TONES
from bayplan.web.listing import TableColumn, address_with, pager
from bayplan.web.page import PageCall, PageRoute
from bayplan.web.rendering import rendered

_KINDS = 40
_NODES_NAMED = 4
_WORKERS = 50
_CHANGES = 20
_CHECKS = 10
_EXPORTS = (
    ("Kubernetes: a Pod with a node affinity", kubernetes),
    ("Kubernetes with DRA: a Pod that claims its GPU", dra),
    ("Docker Compose", lambda floor: compose([floor])),
    ("Slurm: a batch script with enroot", slurm),
    ("Node Feature Discovery: an image compatibility specification", nfd),
)
_REMEDIES = {
    "moved": "See what changed below. Staff accept it with the button “Inspect now”.",
    "missing": "Push it again, correct its url, or retire it.",
    "denied": "Staff enter valid credentials with the button “Edit”.",
    "unreachable": "The server checks it again soon. Check that the registry is up, and its name.",
}
_INVENTORY_TONES = {"held": "good", "failed": "bad", "no_room": "warn"}
_MEANINGS = {fact.name: fact.meaning for fact in FACTS}


class ImageParameters(Parameters):
    """Which kinds of nodes are shown."""

    grade: Annotated[str, one_of(*ORDER)] = Field("", description="The kinds with this grade.")
    offset: Offset = Field(0, description="")


@dataclass(frozen=True, slots=True)
class SourcedValue:
    """What a source has for a fact."""

    value: str
    origin: str
    source: str
    is_used: bool


@dataclass(frozen=True, slots=True)
class FactShown:
    """A fact, on one architecture where it is another there, with its sources, the one that is used first."""

    name: str
    meaning: str
    architecture: str
    differs: bool
    sources: Sequence[SourcedValue]


@dataclass(frozen=True, slots=True)
class KindShown:
    """A kind of nodes with the verdict on the image."""

    title: str
    grade: Grade
    reasons: Sequence[Reason]
    nodes: Sequence[tuple[int, str]]
    count: int

    @property
    def more(self) -> int:
        """The nodes that are not named."""
        return self.count - len(self.nodes)


async def image(context: Context, call: PageCall[ImageParameters]) -> Response:
    """Shows an image."""
    pk, version, sees_credentials = call.pk, call.version, call.principal.sees_credentials
    shown = await queries.load_shown(context, pk, version)
    facts = list(_facts((await queries.load_facts(context, pk)).content))
    grade = Grade(call.query.grade) if call.query.grade else None
    fit = await context.kinds.image_on_kinds(pk, version, grade=grade, offset=call.query.offset, limit=_KINDS)
    names, tables = (await context.kinds.at(version)).names, (await context.judge.at(version)).tables
    kinds = [
        KindShown(
            kind_title(facts_shown(kind.node, tables)),
            verdict.grade,
            verdict.reasons,
            [(node, _node_name(names[node])) for node in kind.nodes[:_NODES_NAMED]],
            len(kind.nodes),
        )
        for kind, verdict in fit.kinds
    ]
    floor = await floors.load_floor(context, pk, version)
    inventory = (await prefetch.of_image(context, call.principal, version, pk))["nodes"]
    lifecycle = (await lifecycles.load(context, pk)).content
    successor = lifecycle["successor"] and await queries.load_shown(context, lifecycle["successor"], version)
    check = await checks.load(context.db, pk, sees_credentials=sees_credentials)
    changes: Sequence[Any] = ()
    changed_names: Names = {}
    if call.principal.is_staff:
        changes, _ = await history.entries(context.db, history.HistoryFilter("docker", pk), limit=_CHANGES)
        changed_names = await history.names(context.db, keys_of(changes))
    places = pager(call.request, fit.total, call.query.offset, len(kinds), _KINDS)
    return await rendered(
        context,
        call,
        "image.html",
        f"{shown.row.name} {shown.row.version} · Images",
        image=shown,
        tones=STATE_TONES,
        lifecycle=lifecycle,
        successor=successor,
        check=check,
        check_history=[(entry, _check_words(entry)) for entry in check["history"][:_CHECKS]],
        check_remedy=_REMEDIES.get(check["state"] or "", ""),
        facts=sorted((fact for fact in facts if fact.sources), key=lambda fact: not fact.differs),
        unknown_facts=[fact.name for fact in facts if not fact.sources],
        fit=fit,
        grades=[
            (each, numbers, _at_runs(address_with(call.request, grade=None if each == grade else each)), each == grade)
            for each, numbers in fit.grades.items()
        ],
        kinds=kinds,
        kinds_pager=replace(places, previous_path=_at_runs(places.previous_path), next_path=_at_runs(places.next_path)),
        inventory=inventory[:_WORKERS],
        inventory_total=len(inventory),
        inventory_tones=_INVENTORY_TONES,
        floor=floor,
        platforms=[
            (platform, _floor_fields(platform), list(gpu_rows(platform["gpus"] or ())))
            for platform in floor["platforms"]
        ],
        exports=await asyncio.to_thread(_exports, floor) if shown.row.state != "deleted" else [],
        changes=[(entry, field_texts(entry, changed_names)) for entry in changes],
        columns=_COLUMNS,
    )


_COLUMNS: Mapping[str, Sequence[TableColumn]] = {
    name: [TableColumn(label) for label in labels]
    for name, labels in {
        "facts": ("Fact", "Value", "From", "Source"),
        "kinds": ("Kind of nodes", "Grade", "Reasons and remedies", "Nodes"),
        "inventory": ("Node", "State", "Desired", "Since", "Detail"),
        "checks": ("When", "State", "What"),
        "gpus": ("Compute capability", "GPUs", "Drivers"),
        "changes": ("When", "Who", "What"),
    }.items()
}


def _at_runs(path: str) -> str:
    return f"{path}#runs" if path else ""


def _node_name(name: NodeName) -> str:
    return f"{name.hostname or name.ip}#{name.index}"


def _facts(answer: Mapping[str, Any]) -> Iterator[FactShown]:
    for name, fact in answer.items():
        yield _fact(name, "", fact)
        for architecture, there in fact.get("by_architecture", {}).items():
            yield _fact(name, architecture, there)


def _fact(name: str, architecture: str, fact: Mapping[str, Any]) -> FactShown:
    sources = fact.get("sources") or (
        [{"origin": fact["origin"], "value": fact["value"], "source": None, "certainty": None}]
        if fact["origin"]
        else []
    )
    values = [
        SourcedValue(
            value_in_words(name, source["value"]),
            source["origin"],
            f"{source['source'] or ''}{' (derived)' if source['certainty'] == 'derived' and source['origin'] != 'table' else ''}",
            number == 0,
        )
        for number, source in enumerate(sources)
    ]
    return FactShown(name, _MEANINGS[name], architecture, fact.get("disagree", False), values)


def _check_words(entry: Mapping[str, Any]) -> str:
    if entry["changes"]:
        return "; ".join(
            f"{fact['field']}: {value_in_words(fact['field'], fact['old'])} → {value_in_words(fact['field'], fact['new'])}"
            for fact in entry["changes"]
        )
    return str(entry["detail"] or entry["digest"] or "")


def _floor_fields(platform: PlatformFloorAnswer) -> list[tuple[str, str]]:
    """What a platform needs of a node, each with its words; what it does not need is left out."""
    smallest = cast("Mapping[str, str | None]", platform["drivers"])
    rocm = platform["rocm"]
    fields = (
        ("GPU for", {"cuda": "CUDA", "rocm": "ROCm"}.get(platform["accelerator"] or "", platform["accelerator"])),
        ("Runs without a GPU", "yes" if platform["runs_on_cpu"] else "no"),
        ("Smallest driver", ", ".join(f"{driver} ({grade})" for grade, driver in smallest.items() if driver)),
        ("CUDA of the host", platform["cuda"]),
        ("Targets", rocm and ", ".join(rocm["targets"])),
        ("amdgpu drivers", rocm and ", ".join(rocm["drivers"])),
        ("GPU memory", platform["gpu_memory_bytes"] and units.memory(platform["gpu_memory_bytes"])),
        ("Shared memory", platform["shared_memory_bytes"] and units.memory(platform["shared_memory_bytes"])),
        ("GPUs", platform["gpu_count"] and str(platform["gpu_count"])),
    )
    return [(label, str(words)) for label, words in fields if words]


def _exports(floor: FloorAnswer) -> Sequence[tuple[str, str]]:
    """The files for other programs; an image without use of a GPU has none of those that ask for one."""
    files = []
    for label, export in _EXPORTS:
        with suppress(Invalid):
            files.append((label, export(floor)))
    return files


PAGES = (PageRoute("GET", "/images/{pk}", image, query=ImageParameters),)
