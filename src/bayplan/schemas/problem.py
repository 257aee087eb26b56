"""The one shape of every error: RFC 9457 problem details."""

import re
from typing import Annotated

from pydantic import Field
from typing_extensions import TypedDict

from bayplan.schemas.components import answer


@answer()
class ProblemPart(TypedDict):
    """One thing that is wrong with the input."""

    field: Annotated[str, Field(examples=["framework"])]
    code: Annotated[str, Field(examples=["unknown_reference"])]
    detail: str


@answer()
class ProblemDetails(TypedDict):
    """What went wrong, and what to do about it. `code` is a stable word, `detail` a sentence."""

    type: str
    title: str
    status: Annotated[int, Field(examples=[422])]
    code: Annotated[str, Field(examples=["unknown_reference"])]
    detail: Annotated[str, Field(examples=["No framework with pk 9999."])]
    errors: list[ProblemPart]


_SUBJECT = re.compile(r"^(?:Input|String|List|Tuple|Set|Dictionary) should")
_COUNTED = re.compile(r" after validation, .*")
"""What Pydantic writes before and after what a value must be."""


def requirement(message: str) -> str:
    """Gives what a value must be, from Pydantic's message for one that is not: "must be 'cuda' or 'rocm'"."""
    message = _SUBJECT.sub("must", message.removeprefix("Value error, "), count=1)
    return _COUNTED.sub("", message)
