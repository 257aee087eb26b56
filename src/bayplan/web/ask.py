"""The question which images run on a node: one of the catalogue, a kind of nodes, or one that is typed or pasted."""

import asyncio
from collections.abc import Iterable
from typing import Annotated
from urllib.parse import urlencode

from pydantic import Field
from starlette.requests import Request
from starlette.responses import Response

from bayplan.domain import nvidia_smi
from bayplan.domain.compatibility.index import CatalogueIndex
from bayplan.domain.compatibility.verdict import ReasonCode
from bayplan.domain.node_names import node_named
from bayplan.domain.versions import sort_key
from bayplan.domain.worker_text import EXAMPLE, typed_worker, written_worker
from bayplan.errors import Invalid, Problem
from bayplan.schemas.match import MatchRequest
from bayplan.server.context import Context
from bayplan.server.http.parameters import NoParameters, Offset, Parameters, ReadBy
from bayplan.server.matching.queries import MatchedImages
from bayplan.web.form import Form, parse_body
from bayplan.web.formats import visible
from bayplan.web.kinds import kind_named, kind_options
from bayplan.web.listing import ROWS, address_with, pager
from bayplan.web.page import PageCall, PageRoute
from bayplan.web.rendering import rendered, see_other
from bayplan.web.verdicts import left_out, worker_phrase

OF_EACH = 3
"""The images of each framework that are shown where the question names none: as many as `bayplan match` shows."""
_WORKERS = ("worker", "node", "kind")
_TASKS = ("task", "domain", "framework")
_FIELD_OF = {
    ReasonCode.NO_SUCH_TASK: "task",
    ReasonCode.NO_SUCH_DOMAIN: "domain",
    ReasonCode.NO_SUCH_FRAMEWORK: "framework",
}
_MOST_PASTED_BYTES = 4 * 1024 * 1024
"""Of a form: `nvidia-smi -q -x` prints 40 kB for a GPU, whose brackets a browser sends as three bytes each."""
# The words of `bayplan check`, which reads the same texts.
_OPTION = "write --cpu-only"


_Text = Annotated[str, ReadBy(visible, {"type": "string"})]


class AskParameters(Parameters):
    """A question: a node, and what its image is for."""

    worker: _Text = Field("", description="A GPU and its driver, as people type them.")
    node: _Text = Field("", description="A node's key, or its machine and index.")
    kind: _Text = Field("", description="The identifier of a kind of nodes.")
    task: _Text = Field("", description="The task.")
    domain: _Text = Field("", description="The domain.")
    framework: _Text = Field("", description="The framework, as in `match`.")
    offset: Offset = Field(0, description="How many of the images that do not run are left out.")


async def ask(context: Context, call: PageCall[AskParameters]) -> Response:
    """Shows the form and, where it names a node, the answer."""
    query = call.query
    form = Form({name: [text] for name in (*_WORKERS, *_TASKS) if (text := getattr(query, name).strip())})
    if not any(name in form for name in _WORKERS):
        return await _shown(context, call, form)
    try:
        request = await _request(context, call, form)
        part = slice(query.offset, query.offset + ROWS)
        answer = await context.judge.matched(call.principal, request, call.version, part)
        _require_names(answer)
    except Invalid as error:
        return await _shown(context, call, form.with_mistakes(error), 422)
    rejected = answer.considered - answer.running
    place = pager(call.request, rejected, query.offset, len(answer.rejected))
    return await _shown(context, call, form, answer=answer, place=place)


async def ask_pasted(context: Context, call: PageCall[NoParameters]) -> Response:
    """Reads what nvidia-smi printed, and goes on to the question about its GPU; where they differ, lets one be chosen."""
    form = call.form
    tables = (await context.judge.at(call.version)).tables
    try:
        printed = await asyncio.to_thread(nvidia_smi.read, form.exact("nvidia_smi"), tables)
    except Invalid as error:
        detail = error.detail.replace(_OPTION, "type `cpu` as the GPU")
        return await _shown(context, call, form.with_mistakes(Invalid.at("nvidia_smi", error.code, detail)), 422)
    gpus: dict[str, list[int]] = {}
    for gpu in printed.gpus:
        gpus.setdefault(written_worker(gpu.facts, tables), []).append(gpu.index)
    tasks = {name: text for name in _TASKS if (text := form.text(name))}
    paths = [
        (_label(indices, worker), f"/ask?{urlencode({'worker': worker, **tasks})}") for worker, indices in gpus.items()
    ]
    if len(paths) == 1:
        return see_other(call.request, paths[0][1], " ".join(printed.notes))
    return await _shown(context, call, form, pasted=paths, notes=printed.notes)


def _label(indices: Iterable[int], worker: str) -> str:
    return f"GPU {', '.join(str(index) for index in dict.fromkeys(indices))}: {worker}"


async def _request(context: Context, call: PageCall[AskParameters], form: Form) -> MatchRequest:
    """The question to the judge; raises `Invalid` at the fields that are wrong."""
    filled = [name for name in _WORKERS if name in form]
    if len(filled) > 1:
        detail = "Fill in one of these: the GPU and its driver, a node, or a kind of nodes."
        raise Invalid(detail, problems=[Problem(name, "node_or_worker", detail) for name in filled[1:]])
    values: dict[str, object] = {name: form.text(name) for name in _TASKS if name in form}
    if "worker" in form:
        tables = (await context.judge.at(call.version)).tables
        values["worker"] = await asyncio.to_thread(typed_worker, form.text("worker"), tables)
    else:
        if "node" in form:
            fleet = await context.kinds.at(call.version)
            named = await asyncio.to_thread(node_named, list(fleet.names.values()), form.text("node"))
            values["node"] = named.pk
        else:
            values["node"] = (await kind_named(context, call.version, form.text("kind"))).nodes[0]
    limit = {"limit": ROWS} if "framework" in form else {"limit_per_framework": OF_EACH}
    return parse_body({**values, **limit, "explain": True}, MatchRequest)


def _require_names(answer: MatchedImages) -> None:
    """Raises `Invalid` where no image was considered because of a task, domain or framework that no image has."""
    problems = [
        Problem(_FIELD_OF[line.code], line.code, line.remedy or "") for line in answer.summary if line.code in _FIELD_OF
    ]
    if not answer.considered and problems:
        raise Invalid("", problems=problems)


async def _shown(
    context: Context,
    call: PageCall[AskParameters] | PageCall[NoParameters],
    form: Form,
    status: int = 200,
    **values: object,
) -> Response:
    snapshot = await context.judge.at(call.version)
    kinds = await kind_options(context, call.version, form.text("kind"))
    shown = {"answer": None, "place": None, "pasted": (), "notes": ()} | values
    answer = shown["answer"]
    if isinstance(answer, MatchedImages):
        shown |= {
            "left_out": left_out(answer),
            "phrase": worker_phrase(answer.worker),
            "frameworks": _framework_paths(call.request, answer),
        }
    return await rendered(
        context,
        call,
        "ask.html",
        "Ask",
        status,
        form=form,
        example=EXAMPLE,
        kinds=[("", "—"), *kinds],
        of_each=0 if "framework" in form else OF_EACH,
        tasks=_choices(form, "task", _names(snapshot.index, "task")),
        domains=_choices(form, "domain", _names(snapshot.index, "domain")),
        framework_names=_framework_names(snapshot.index),
        **shown,
    )


def _names(index: CatalogueIndex, attribute: str) -> list[str]:
    return sorted({str(name) for name in index.attributes[attribute].within(index.every) if name}, key=sort_key)


def _framework_names(index: CatalogueIndex) -> list[str]:
    return sorted({name for name, _ in index.attributes["framework"].within(index.every) if name}, key=sort_key)


def _choices(form: Form, field: str, names: list[str]) -> list[tuple[str, str]]:
    """The options of a field, with what was sent among them: it is shown where it is wrong, too."""
    sent = form.text(field)
    folded = {name.casefold(): name for name in names}
    extra = [(sent, folded.get(sent.casefold(), sent))] if sent and sent not in names else []
    return [("", "any"), *extra, *((name, name) for name in names)]


def _framework_paths(request: Request, answer: MatchedImages) -> dict[str, str]:
    """The addresses that ask for all images of a framework."""
    return {group.framework: address_with(request, framework=group.framework) for group in answer.by_framework}


PAGES = (
    PageRoute("GET", "/ask", ask, label="Ask", query=AskParameters),
    PageRoute("POST", "/ask", ask_pasted, most_bytes=_MOST_PASTED_BYTES),
)
