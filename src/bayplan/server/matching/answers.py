"""Answers of the judge as JSON: objects that are JSON already, put together with their grades and reasons."""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from typing import TypeVar

import orjson

from bayplan.domain.compatibility.verdict import Verdict
from bayplan.server.snapshot import json_array

Made = TypeVar("Made")
Graded = Iterable[tuple[int, Verdict]]
# Verdicts that are worked out and rendered in the event loop; more are in a thread.
LOOP_VERDICTS = 500


def graded(objects: Mapping[int, bytes], name: str, verdicts: Graded) -> bytes:
    """Gives a list of objects, each with its grade and reasons; equal verdicts are rendered once. What is gone is left out."""
    start = b'{"%b":' % name.encode()
    ends: dict[int, bytes] = {}
    entries = []
    for pk, verdict in verdicts:
        item = objects.get(pk)
        if item is None:
            continue
        end = ends.get(id(verdict))
        if end is None:
            grade, reasons = orjson.dumps(verdict.grade), orjson.dumps(verdict.reasons)
            end = ends[id(verdict)] = b',"grade":%b,"reasons":%b}' % (grade, reasons)
        entries.append(start + item + end)
    return json_array(entries)


def json_object(members: Mapping[str, bytes]) -> bytes:
    """Gives a JSON object of members that are JSON already."""
    return b"".join((b"{", b",".join(b'"%b":%b' % (name.encode(), value) for name, value in members.items()), b"}"))


async def in_turn(work: Callable[[], Made], size: int) -> Made:
    """Does work on so many verdicts: in the event loop, or in a thread where that would be held for long."""
    return work() if size <= LOOP_VERDICTS else await asyncio.to_thread(work)
