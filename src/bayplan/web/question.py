"""The page that asks before something is removed, and names what uses it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from starlette.responses import Response

from bayplan.server.context import Context
from bayplan.web.form import Form
from bayplan.web.page import PageCall
from bayplan.web.rendering import rendered


@dataclass(frozen=True, slots=True)
class RemovalQuestion:
    """What a page asks. Its form is sent to the page's own path."""

    title: str
    """What the removal is: "Delete"."""
    question: str
    """As the command asks it: "Delete pytorch:2.4?"."""
    uses: str
    """The sentences of `bayplan.domain.uses`."""
    button: str
    back: str
    """The path for those who do not want it."""
    above: Sequence[tuple[str, str]]
    """The pages above, each with its word and path."""
    fields: Mapping[str, str] = field(default_factory=dict)
    """Hidden fields of the form, such as the entity tag of what is removed."""


async def ask(
    context: Context, call: PageCall[Any], asked: RemovalQuestion, form: Form | None = None, status: int = 200
) -> Response:
    """Shows the question, with what `form` says was wrong when it was answered."""
    return await rendered(
        context,
        call,
        "question.html",
        f"{asked.question.rstrip('?')} · {asked.above[0][0]}",
        status,
        form=form or Form(),
        heading=asked.title,
        question=asked.question,
        uses=asked.uses.strip(),
        button=asked.button,
        back=asked.back,
        above=asked.above,
        fields=asked.fields,
    )
