"""Shows a check: the verdict in sentences with every reason, or as JSON."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rich.text import Text

from bayplan.cli.images import _view as image_view
from bayplan.cli.machine._check import Answer
from bayplan.cli.machine._image_source import Inspected
from bayplan.cli.machine._verdicts import OF_IMAGE, Judged, missing
from bayplan.cli.machine._workers import GpuKind
from bayplan.cli.matching._view import MEANINGS, sentences
from bayplan.cli.nodes import _view as node_view
from bayplan.cli.output import MUTED, Lines, fields, grade, indented, show, words
from bayplan.domain.compatibility.platform import platform
from bayplan.domain.compatibility.verdict import ReasonCode
from bayplan.domain.facts import architecture
from bayplan.domain.reference import Reference, located
from bayplan.exports.docker_run import RUNS, docker_run

if TYPE_CHECKING:
    from bayplan.schemas.match import ReasonAnswer

_ORIGINS = {
    "registry": "its registry",
    "cache": "the cache",
    "catalogue": "the catalogue of the server",
}
_ANOTHER = (
    "This machine has no GPU. For another one, pipe in its nvidia-smi, as in `ssh BOX nvidia-smi | bayplan check IMAGE -`, "
    "or describe it, as in --gpu 4090 --driver 550.120."
)


def as_json(answer: Answer) -> dict[str, Any]:
    """The check as JSON: the verdict on the GPU where the image runs best, and all verdicts in `workers`."""
    best = answer.judged[0]
    inspected = answer.inspected
    facts = {} if inspected is None else _platform_on(inspected, best.worker).get("facts", {})
    return {
        "reference": str(_reference(answer)),
        "digest": None if inspected is None else inspected.digest,
        "origin": "catalogue" if inspected is None else inspected.origin,
        "grade": best.grade,
        "reasons": list(best.reasons),
        "remedies": _remedies(best.reasons),
        "missing": missing(best.reasons),
        "worker": best.worker,
        "workers": [
            {"gpus": list(each.kind.indices), "worker": each.worker, "grade": each.grade, "reasons": list(each.reasons)}
            for each in answer.judged
        ],
        "facts": facts,
        "faults": list(answer.workers.faults),
    }


def show_answer(answer: Answer) -> None:
    """Prints the image, the node and the verdict; of several kinds of GPU one after another, best first."""
    parts: list[Text | Lines] = []
    several = len(answer.judged) > 1
    for number, judged in enumerate(answer.judged):
        head: list[tuple[str, object]] = (
            [] if number else [("Image", _named(answer)), ("Read from", _read_from(answer))]
        )
        head.append(("Node", _worker_line(judged, several=several)))
        verdict = _verdict(judged, in_catalogue=answer.inspected is None)
        parts += [*([Text()] if number else []), fields(head), Text(), *verdict]
    best = answer.judged[0]
    if several:
        parts += [Text(), Text(_summary(answer.judged))]
    parts += [
        part
        for fault in answer.workers.faults
        if answer.workers.kinds
        for part in (Text(), Text(words(fault), style="yellow"))
    ]
    if options := [option for name, option in missing(best.reasons).items() if name in OF_IMAGE]:
        parts += [Text(), Text(f"To get an answer, give {' or '.join(options)}.")]
    if answer.is_this_machine and any(reason["code"] == ReasonCode.NEEDS_GPU for reason in best.reasons):
        parts += [Text(), Text(_ANOTHER)]
    if best.grade in RUNS and (answer.inspected is None or answer.inspected.origin != "folder"):
        parts += [Text(), _command(answer, best)]
    show(*parts)


def _verdict(judged: Judged, *, in_catalogue: bool) -> list[Text | Lines]:
    parts: list[Text | Lines] = [Text.assemble(grade(judged.grade), "  ", MEANINGS.get(judged.grade, ""))]
    for reason in judged.reasons:
        parts += [Text(), indented(sentences(reason, at_length=True, in_catalogue=in_catalogue))]
    return parts


def _summary(judged: Sequence[Judged]) -> str:
    """Which GPUs of a machine run the image, in a sentence."""
    running = [each.kind for each in judged if each.grade in RUNS]
    others = [each.kind for each in judged if each.grade not in RUNS]
    if not running:
        return "None of the GPUs of this machine is known to run it."
    runs = f"The machine runs it, on {_gpus(running)}"
    return f"{runs}; not on {_gpus(others)}." if others else f"{runs}."


def _gpus(kinds: Iterable[GpuKind]) -> str:
    indices = [str(index) for kind in kinds for index in kind.indices]
    return f"GPU {', '.join(indices)}" if len(indices) == 1 else f"GPUs {', '.join(indices)}"


def _reference(answer: Answer) -> Reference:
    if answer.inspected is not None:
        return answer.inspected.reference
    return located(answer.image["url"], answer.image["registry"])


def _named(answer: Answer) -> Text:
    if answer.inspected is None:
        image = answer.image
        release = f"CUDA {image_view.cuda(image)}" if image["cuda_version"] else "no CUDA"
        inside = dict.fromkeys((image_view.framework(image["framework"]), release))
        return Text.assemble(image_view.named(image["name"], image["version"]), ", ", ", ".join(inside))
    facts = _platform_on(answer.inspected, answer.judged[0].worker).get("facts", {})
    values = {name: words(fact["value"]) for name, fact in facts.items()}
    framework = " ".join(values[name] for name in ("framework", "framework_version") if name in values)
    cuda = values.get("cuda_version") or values.get("framework_cuda")
    parts = [words(answer.inspected.reference.familiar), framework, f"CUDA {cuda}" if cuda else ""]
    return Text(", ".join(part for part in parts if part))


def _read_from(answer: Answer) -> str:
    if answer.inspected is None:
        return _ORIGINS["catalogue"]
    inspected = answer.inspected
    origin = _ORIGINS[inspected.origin] if inspected.path is None else str(inspected.path)
    return origin + (f", {inspected.digest[:19]}" if inspected.digest else "")


def _worker_line(judged: Judged, *, several: bool) -> Text:
    if not judged.worker:
        return Text("not known")
    named = judged.kind.name or (_gpus([judged.kind]) if several and judged.kind.indices else None)
    phrase = node_view.phrase(judged.worker)
    return Text.assemble((words(named), "bold"), f", {phrase}") if named else Text(phrase)


def _platform_on(inspected: Inspected, worker: Mapping[str, Any]) -> Mapping[str, Any]:
    """The image for the worker's architecture, else the first."""
    wanted = worker.get("architecture")
    for described in inspected.platforms:
        if wanted is not None and platform(architecture(described) or "") == platform(wanted):
            return described
    return inspected.platforms[0] if inspected.platforms else {}


def _remedies(reasons: Iterable[ReasonAnswer]) -> list[str]:
    """What would change the verdict, each once."""
    blocking = (reason for reason in reasons if reason["grade"] not in (*RUNS, "caveat"))
    return list(dict.fromkeys(reason["remedy"] for reason in blocking if reason["remedy"]))


def _command(answer: Answer, best: Judged) -> Text:
    """The command that runs the image; never broken into lines, so that it can be copied."""
    index = best.kind.indices[0] if len(answer.judged) > 1 and best.kind.indices else None
    command = docker_run(_reference(answer), best.grade, best.worker, index=index)
    return Text(words(command), no_wrap=True, overflow="ignore", style=MUTED)
