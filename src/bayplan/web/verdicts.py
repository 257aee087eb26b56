"""Verdicts as pages show them: images that run, by framework; and those that do not, by what stands in their way."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bayplan.domain.compatibility.verdict import Grade, Reason
from bayplan.server.matching.queries import MatchedImage, MatchedImages
from bayplan.web.listing import TableColumn

VERDICT_COLUMNS: Mapping[str, Sequence[TableColumn]] = {
    "matches": [
        TableColumn("Image"),
        TableColumn("Grade"),
        TableColumn("Framework"),
        TableColumn("CUDA"),
        TableColumn("Reference to pull"),
    ],
    "summary": [
        TableColumn("Reason"),
        TableColumn("Images", is_number=True),
        TableColumn("What would give the first match"),
    ],
    "rejected": [TableColumn("Images"), TableColumn("Grade"), TableColumn("Why, and what would change it")],
}
"""The heads of the tables of `verdicts.html`."""


@dataclass(frozen=True, slots=True)
class LeftOut:
    """Images with the same grade for the same reasons."""

    grade: Grade
    reasons: Sequence[Reason]
    images: Sequence[MatchedImage]


def left_out(answer: MatchedImages) -> list[LeftOut]:
    """Gives the images that do not run, those together that have the same reasons, in the order of the answer."""
    groups: dict[
        tuple[Grade, tuple[tuple[str, str, str | None], ...]], tuple[Sequence[Reason], list[MatchedImage]]
    ] = {}
    for image in answer.rejected:
        verdict = image.verdict
        decisive = [reason for reason in verdict.reasons if reason.grade == verdict.grade] or verdict.reasons
        key = verdict.grade, tuple((reason.code, reason.detail, reason.remedy) for reason in decisive)
        groups.setdefault(key, (decisive, []))[1].append(image)
    return [LeftOut(grade, reasons, images) for (grade, _), (reasons, images) in groups.items()]


def worker_phrase(facts: Mapping[str, Any]) -> str:
    """Gives the facts of a node in a phrase: "NVIDIA L4, compute capability 8.9, driver 550.54.15, amd64"."""
    gpu, capability, driver = facts["gpu_name"] or facts["target"], facts["compute_capability"], facts["driver_version"]
    parts = (
        gpu,
        f"compute capability {capability}" if capability else None,
        f"MIG {facts['mig_profile']}" if facts["mig_profile"] else None,
        f"driver {driver}" if driver else "driver not known" if gpu or capability else "no GPU",
        facts["architecture"],
    )
    return ", ".join(part for part in parts if part)
