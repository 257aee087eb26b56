"""Answers of the judge as JSON: objects that are JSON already, put together with their grades and reasons."""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

import orjson

from bayplan.domain.compatibility.node import Node
from bayplan.domain.compatibility.node_facts import facts_of
from bayplan.domain.compatibility.tables import Tables
from bayplan.domain.compatibility.verdict import Reason, Verdict
from bayplan.server.http.responses import Parts

Made = TypeVar("Made")
Graded = Iterable[tuple[int, Verdict]]
# Verdicts that are worked out in the event loop; more are in a thread.
LOOP_VERDICTS = 500
# Verdicts that are rendered before others get their turn.
PART_VERDICTS = 1_000


class GradedList:
    """A list of objects with their grades and reasons, as JSON in parts; equal verdicts are rendered once."""

    def __init__(self, name: str) -> None:
        self._start = b'{"%b":' % name.encode()
        self._ends: dict[int, bytes] = {}
        self.parts: list[bytes] = []

    def add(self, objects: Mapping[int, bytes], verdicts: Graded) -> None:
        """Adds the objects of these verdicts, in their order; what is gone meanwhile is left out."""
        entries = []
        for pk, verdict in verdicts:
            item = objects.get(pk)
            if item is None:
                continue
            end = self._ends.get(id(verdict))
            if end is None:
                grade, reasons = (
                    orjson.dumps(verdict.grade),
                    orjson.dumps([reason_answer(reason) for reason in verdict.reasons]),
                )
                end = self._ends[id(verdict)] = b',"grade":%b,"reasons":%b}' % (grade, reasons)
            entries.append(self._start + item + end)
        if entries:
            self.parts.append((b"," if self.parts else b"") + b",".join(entries))


def reason_answer(reason: Reason) -> dict[str, str | None]:
    """A reason as the API shows it."""
    return {
        "grade": reason.grade,
        "code": reason.code,
        "needed": reason.needed,
        "found": reason.found,
        "detail": reason.detail,
        "remedy": reason.remedy,
        "source": reason.source,
    }


def facts_shown(node: Node, tables: Tables) -> dict[str, Any]:
    """Gives the facts of a node as the API names them, with the generation of its GPU."""
    generation = node.hardware_generation
    if generation is None and node.compute_capability is not None:
        generation = tables.generation_of(node.compute_capability)
    return facts_of(node) | {"hardware_generation": generation}


def json_object(members: Mapping[str, bytes | GradedList]) -> bytes | Parts:
    """Gives a JSON object of members that are JSON already; in parts where one of them has several."""
    parts: list[bytes] = []
    for name, value in members.items():
        parts.append(b'%b"%b":' % (b"," if parts else b"{", name.encode()))
        parts += [b"[", *value.parts, b"]"] if isinstance(value, GradedList) else [value]
    parts.append(b"}")
    is_long = any(len(value.parts) > 1 for value in members.values() if isinstance(value, GradedList))
    return Parts(parts) if is_long else b"".join(parts)


async def in_turn(work: Callable[[], Made], size: int) -> Made:
    """Works out so many verdicts: in the event loop, or in a thread where that would be held for long."""
    return work() if size <= LOOP_VERDICTS else await asyncio.to_thread(work)
