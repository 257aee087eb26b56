"""The verdict for an image on each kind of GPU of a machine: by the judge here, or by the server whose catalogue has the image."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from bayplan.cli.machine._workers import Facts, GpuKind, Workers
from bayplan.cli.node_facts import NODE_FACTS, option_of
from bayplan.domain.compatibility.inspected_image import Entered, inspected_image, judge_inspected
from bayplan.domain.compatibility.node_facts import facts_of, node_from
from bayplan.domain.compatibility.rules.reasons import CATALOGUE
from bayplan.domain.compatibility.tables import load
from bayplan.domain.compatibility.verdict import ORDER, Grade, Reason, ReasonCode
from bayplan.errors import Invalid

if TYPE_CHECKING:
    from bayplan.cli.machine._image_source import Inspected
    from bayplan.client import Client
    from bayplan.schemas.docker import ExpandedImageAnswer
    from bayplan.schemas.match import ReasonAnswer

ALL_GRADES = ("native", "minor", "forward", "cpu", "jit", "unknown", "no")
OF_IMAGE = {"cuda_version": "--cuda", "cpu": "--cpu"}
"""The facts of an image that options give."""
_WITHOUT_CATALOGUE = "the facts of the image and of the node"
_CUDA_UNKNOWN = "with which CUDA release"


@dataclass(frozen=True, slots=True)
class Judged:
    """A kind of GPU, its facts as the judge reads them, and the verdict on it."""

    kind: GpuKind
    worker: Facts
    grade: str
    reasons: Sequence[ReasonAnswer]


def judge_here(image: Inspected, workers: Workers, entered: Entered) -> list[Judged]:
    """The verdicts by the judge of this bayplan, best first."""
    from bayplan.config import load_local_settings
    from bayplan.schemas.facts import is_readable

    if not workers.kinds:
        return [_unread(workers)]
    tables = load(load_local_settings().tables)
    needs = inspected_image(image.platforms, is_readable, entered)
    today = datetime.now(UTC).date()
    judged = []
    for kind in workers.kinds:
        facts = kind.facts | {"machine_gpus": workers.machine_gpus}
        capability = facts.get("compute_capability")
        generation = facts.get("hardware_generation") or (tables.generation_of(capability) if capability else None)
        node = node_from(facts, generation)
        verdict = judge_inspected(needs, node, tables, today)
        judged.append(
            Judged(kind, facts_of(node), verdict.grade.value, [_reason(reason) for reason in verdict.reasons])
        )
    return best_first(judged)


def judge_at_server(client: Client, image: ExpandedImageAnswer, workers: Workers) -> list[Judged]:
    """The verdicts by the server, best first."""
    from bayplan.client import exact

    if not workers.kinds:
        return [_unread(workers)]
    judged = []
    for kind in workers.kinds:
        answer = client.match(
            credentials=False,
            worker=kind.facts,
            expressions=[exact("pk", image["pk"])],
            grades=ALL_GRADES,
            explain=True,
        )
        verdicts = [*answer["matches"], *answer.get("rejected", [])]
        if not verdicts:
            raise Invalid(f"The image {image['name']} {image['version']} was deleted.")
        judged.append(Judged(kind, answer["worker"], verdicts[0]["grade"], verdicts[0]["reasons"]))
    return best_first(judged)


def best_first(judged: Iterable[Judged]) -> list[Judged]:
    """The verdicts by grade; a machine runs an image where one of its GPUs does."""
    return sorted(judged, key=lambda each: ORDER[Grade(each.grade)])


def checked(facts: Mapping[str, Any]) -> Facts:
    """The facts of a worker, of the form that the API takes; raises `Invalid` naming the option that is wrong."""
    from pydantic import ValidationError

    from bayplan.schemas.match import WorkerFacts
    from bayplan.schemas.problem import requirement

    try:
        return WorkerFacts.model_validate(dict(facts)).model_dump(exclude_unset=True)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        needed, option = requirement(first["msg"]), option_of(str(first["loc"][0]))
        raise Invalid(f"{option} {needed}." if needed.startswith("must ") else f"{option}: {needed}.") from None


def missing(reasons: Iterable[ReasonAnswer]) -> dict[str, str]:
    """The facts that would decide an unknown verdict, each with the option that gives it."""
    options: dict[str, str] = {}
    for reason in reasons:
        if reason["grade"] != "unknown":
            continue
        needed = (reason["needed"] or "").replace(",", " ").split()
        options |= {
            name: option for name, option in OF_IMAGE.items() if name in needed or _CUDA_UNKNOWN in reason["detail"]
        }
        words = set((reason["remedy"] or "").replace(",", " ").replace(".", " ").split())
        options |= {name: option_of(name) for name in NODE_FACTS if name in words}
    return options


def _reason(reason: Reason) -> ReasonAnswer:
    return {
        "grade": reason.grade.value,
        "code": reason.code.value,
        "needed": reason.needed,
        "found": reason.found,
        "detail": reason.detail,
        "remedy": reason.remedy,
        "source": _WITHOUT_CATALOGUE if reason.source == CATALOGUE else reason.source,
    }


def _unread(workers: Workers) -> Judged:
    """The verdict on a machine whose GPUs cannot be read."""
    detail = " ".join(workers.faults) or "The node's GPU cannot be read."
    reason = Reason(
        Grade.UNKNOWN,
        ReasonCode.FACT_MISSING,
        needed="the node's GPU and driver",
        found=None,
        detail=detail,
        remedy=None,
        source="the probe of this machine",
    )
    return Judged(GpuKind({}), {}, Grade.UNKNOWN.value, [_reason(reason)])
