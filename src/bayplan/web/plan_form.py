"""The form of a plan: its fields as changes of a fleet, and every mistake in them at once."""

import asyncio
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import Field

from bayplan.domain.added_nodes import added_nodes
from bayplan.domain.compatibility.tables import Tables
from bayplan.domain.nearest import mean
from bayplan.domain.node_names import NodeName, node_named
from bayplan.errors import Invalid, Problem
from bayplan.schemas.filters import Filter
from bayplan.schemas.match import WorkerFacts
from bayplan.schemas.what_if import AddedNodes, WhatIfImage
from bayplan.server.context import Context
from bayplan.server.http.parameters import Offset, Parameters, ReadBy
from bayplan.server.matching.queries import CatalogueSnapshot
from bayplan.server.what_if import queries
from bayplan.server.what_if.queries import Plan
from bayplan.web.filters import OF_NODES, names, nodes_filter
from bayplan.web.form import parse_body
from bayplan.web.formats import short, visible
from bayplan.web.kinds import kind_named
from bayplan.web.page import PageCall

OF_PLAN = ("to", "add", "remove", "retire", "image")
"""The fields that say what changes."""
FIELDS: Mapping[str, str] = {
    "kind": "Kind of nodes",
    "nodes": "Nodes",
    "gpu": "GPU",
    "driver": "Driver now",
    "label": "Label of nodes",
    "to": "Driver to give them",
    "add": "Nodes to add",
    "remove": "Nodes to remove",
    "retire": "Images to retire",
    "image": "Image to add",
}
"""The fields in their order, with their labels."""
_MOST_NAMES, _MOST_MISTAKES = 100, 5
_MOST_LETTERS = 500
_LINES, _ITEMS = re.compile(r"[\n;]+"), re.compile(r"[\n;,]+")
# How the API begins a sentence on a field.
_OF_API = re.compile(r"^The field '[\w.]+': ")
_CUDA = re.compile(r"cuda[ :=]*([0-9]{1,2}(?:\.[0-9]{1,3}){0,2})", re.IGNORECASE | re.ASCII)
_IMAGE_EXAMPLE = "PyTorch 2.9.1, CUDA 12.8, train"
# Where a plan's own mistakes stand in the form.
_FIELD_OF = {"driver": "to", "added": "add", "image": "image"}


def _read_lines(text: str) -> str:
    return "\n".join(map(visible, text.replace("\r\n", "\n").split("\n")))


_Text = Annotated[str, ReadBy(_read_lines, {"type": "string"})]


class PlanParameters(Parameters):
    """A plan: which nodes, what changes, and the part of the answer that is shown."""

    kind: _Text = Field("", description="The identifier of a kind of nodes.")
    nodes: _Text = Field("", description="Keys of nodes, or machine and index, with commas between them.")
    gpu: _Text = Field("", description="A part of the GPU's name.")
    driver: _Text = Field("", description="The driver of the nodes now: a branch, a version, or a comparison.")
    label: _Text = Field("", description="Labels of the nodes, with commas between them.")
    to: _Text = Field("", description="The driver that the chosen nodes get.")
    add: _Text = Field("", description="Nodes to add, in lines.")
    remove: _Text = Field("", description="Nodes to remove, with commas between them.")
    retire: _Text = Field("", description="Images to retire, with commas between them.")
    image: _Text = Field("", description="An image to add: its framework, its CUDA and its tasks.")
    offset: Offset = Field(0, description="How many groups, or kinds with upgrades, are left out.")
    column: Offset = Field(0, description="How many kinds are left out.")

    def texts(self) -> dict[str, str]:
        """The fields that are filled in."""
        return {name: text for name in FIELDS if (text := str(getattr(self, name)).strip())}


@dataclass(frozen=True, slots=True)
class PlanForm:
    """What the fields mean."""

    plan: Plan
    chosen: frozenset[int] | None
    """The nodes that the fields choose, None for all."""
    choice: Mapping[str, str]
    """The fields that choose them, without their kind; nodes that are named are there by their keys, which are shorter."""
    notes: Sequence[str]
    """What should be known before the answer is read."""


async def read_plan(context: Context, call: PageCall[PlanParameters]) -> PlanForm:
    """Gives what the fields mean; raises `Invalid` with every mistake."""
    reading = _Reading(context, call, await context.judge.at(call.version))
    form = await reading.form()
    if reading.problems:
        raise Invalid("", problems=reading.problems)
    return form


def placed(error: Invalid) -> Invalid:
    """Gives the error of a plan at the fields of the form."""
    problems = [
        Problem(_FIELD_OF.get(problem.field.partition(".")[0], problem.field), problem.code, problem.detail)
        for problem in error.problems
    ]
    return Invalid(error.detail, code=error.code, problems=problems)


def without_field(detail: str) -> str:
    """Gives a sentence of the API without the name of its field, which the form does not have."""
    return _OF_API.sub("", detail)


class _Reading:
    """The fields of one request, and what is wrong with them so far."""

    def __init__(self, context: Context, call: PageCall[PlanParameters], catalogue: CatalogueSnapshot) -> None:
        self._context, self._call, self._catalogue = context, call, catalogue
        self._texts = call.query.texts()
        self.problems: list[Problem] = []

    async def form(self) -> PlanForm:
        """Reads all fields; `problems` has what is wrong with them."""
        for field in ("kind", *OF_NODES, "to"):
            if len(self._texts.get(field, "")) > _MOST_LETTERS:
                self._wrong(field, f"Write at most {_MOST_LETTERS} letters.")
                del self._texts[field]
        named = await self._nodes("nodes")
        chosen = await self._chosen(named)
        added, notes = self._added()
        removed = await self._nodes("remove")
        retired = await self._images()
        image = await self._image()
        driver = None
        if "to" in self._texts:
            driver = self._body("to", {"driver_version": self._texts["to"]}, WorkerFacts)
            if chosen is not None and not chosen:
                notes.insert(0, "The fields choose no node, so none gets the driver.")
        plan = Plan(driver, chosen, added, removed or (), retired, image)
        choice = {name: text for name, text in self._texts.items() if name in OF_NODES}
        if named is not None:
            choice["nodes"] = ",".join(map(str, sorted(named)))
        return PlanForm(plan, chosen, choice, notes)

    def _wrong(self, field: str, detail: str, code: str = "invalid") -> None:
        detail = without_field(detail)
        sentence = f"{detail[:1].upper()}{detail[1:]}"
        self.problems.append(Problem(field, code, sentence if sentence.endswith((".", "?")) else f"{sentence}."))

    def _body(self, field: str, values: Mapping[str, object], model: Any) -> Any:
        try:
            return parse_body(values, model)
        except Invalid as error:
            for problem in error.problems:
                self._wrong(field, problem.detail, problem.code)
            return None

    def _items(self, field: str, separators: re.Pattern[str]) -> list[str]:
        items = [item for part in separators.split(self._texts.get(field, "")) if (item := " ".join(part.split()))]
        if len(items) > _MOST_NAMES:
            self._wrong(field, f"Write at most {_MOST_NAMES}; these are {len(items):,}.")
            return []
        if long := next((item for item in items if len(item) > _MOST_LETTERS), ""):
            self._wrong(field, f"{short(long, 40)!r} is longer than any name.")
            return []
        return list(dict.fromkeys(items)) if field != "add" else items

    async def _chosen(self, named: frozenset[int] | None) -> frozenset[int] | None:
        """The nodes that all fields choose, None where none of them is filled in; `named` are those of the field `nodes`."""
        parts = [] if named is None else [named]
        if "kind" in self._texts:
            try:
                kind = await kind_named(self._context, self._call.version, self._texts["kind"])
                parts.append(frozenset(kind.nodes))
            except Invalid as error:
                self._wrong("kind", error.detail, error.code)
        try:
            expressions = nodes_filter(self._texts)
            if expressions is not None:
                specification = parse_body(expressions, Filter)
                parts.append(await queries.nodes_of(self._context, self._call.principal, specification))
        except Invalid as error:
            self.problems += [problem for problem in error.problems if problem.field in OF_NODES] or [
                Problem("gpu", error.code, error.public_detail)
            ]
        return frozenset.intersection(*parts) if parts else None

    async def _nodes(self, field: str) -> frozenset[int] | None:
        """The nodes that a field names; None where it is empty."""
        items = self._items(field, _ITEMS)
        if not items:
            return None
        fleet = await self._context.kinds.at(self._call.version)
        existing = list(fleet.names.values())
        labels = {node.label: node for node in existing}

        def named(item: str) -> NodeName:
            return labels.get(item) or node_named(existing, item)

        return frozenset(node.pk for node in await asyncio.to_thread(lambda: list(self._each(field, items, named))))

    async def _images(self) -> Sequence[int]:
        items = self._items("retire", _ITEMS)
        if not items:
            return ()
        existing = await queries.image_names(self._context, self._call.version)
        return await asyncio.to_thread(lambda: list(self._each("retire", items, existing.named)))

    def _each(self, field: str, items: Sequence[str], meaning: Callable[[str], Any]) -> Iterator[Any]:
        """What each item means; after some mistakes the others are not looked up."""
        mistakes = 0
        for item in items:
            try:
                yield meaning(item)
            except Invalid as error:
                self._wrong(field, error.detail, error.code)
                mistakes += 1
                if mistakes == _MOST_MISTAKES:
                    return

    def _added(self) -> tuple[list[AddedNodes], list[str]]:
        """The nodes to add, and notes on the GPUs that the tables do not have."""
        added, notes = [], []
        for worker, count in self._each("add", self._items("add", _LINES), _added_nodes):
            body = self._body("add", {"worker": worker, "count": count}, AddedNodes)
            if body is not None:
                added.append(body)
                notes += _unknown_gpu(worker, self._catalogue.tables)
        return added, list(dict.fromkeys(notes))

    async def _image(self) -> Mapping[str, Any] | None:
        """The fields of the image to add, by its framework, its CUDA and its tasks."""
        items = self._items("image", _ITEMS)
        if not items:
            return None
        tasks = {task.casefold(): task for task in names(self._catalogue, "task")}
        values: dict[str, Any] = {}
        for item in items:
            release = _CUDA.fullmatch(item)
            if release is not None:
                values["cuda_version"] = release[1]
            elif item.casefold() == "cpu":
                values["cpu"] = True
            elif item.casefold() in tasks:
                values.setdefault("tasks", []).append(tasks[item.casefold()])
            elif "framework" in values:
                self._wrong("image", f"{item!r} is no task, and there is a framework already, {values['framework']!r}.")
            else:
                values["framework"] = item
        if "cuda_version" not in values and "cpu" not in values:
            self._wrong("image", f"Write its CUDA release, or cpu, as in `{_IMAGE_EXAMPLE}`.")
        elif self._body("image", values, WhatIfImage) is not None:
            try:
                await queries.check_new_image(self._context, values)
            except Invalid as error:
                for problem in error.problems:
                    self._wrong("image", problem.detail, problem.code)
        return values


def _added_nodes(text: str) -> tuple[dict[str, Any], int]:
    try:
        return added_nodes(text)
    except Invalid as error:
        raise Invalid(f"{text!r}: {error.detail}") from None


def _unknown_gpu(worker: Mapping[str, Any], tables: Tables) -> list[str]:
    """A note on a GPU that the tables do not have, with the nearest; none for one that they have, or whose code is known."""
    name = worker.get("gpu_name")
    if name is None or worker.keys() & {"compute_capability", "target"}:
        return []
    named = tables.machines.named_gpu(name)
    if named.models or named.capabilities or named.targets:
        return []
    near = mean(list(tables.machines.gpu_names.nearest(name)))
    return [f"There is no GPU {name!r} in the tables, so what runs on it is not known{'; ' + near if near else '.'}"]
