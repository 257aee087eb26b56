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


_PLAIN = tuple(
    (re.compile(pattern), words)
    for pattern, words in (
        (r"^Value error, ", ""),
        (r"^(?:Input|Value|String|List|Tuple|Set|Dictionary) should", "must"),
        (r" after validation, .*", ""),
        (r"^must be a valid integer\b.*", "must be a whole number"),
        (r"^must be a valid number\b.*", "must be a number"),
        (r"^must be a valid string\b.*", "must be text"),
        (r"^must be a valid boolean\b.*", "must be true or false"),
        (r"^must be a valid (?:list|tuple)\b.*", "must be a list"),
        (r"^must be a valid dictionary\b.*", "must be a JSON object"),
        (r"^must be greater than or equal to ", "must be at least "),
        (r"^must be less than or equal to ", "can be at most "),
        (r"^must be greater than ", "must be more than "),
        (r"^Unable to extract tag using discriminator '(\w+)'.*", r"must have the field '\1'"),
        (
            r"^Input tag '(.*)' found using '(\w+)' does not match any of the expected tags: (.*)",
            r"must have one of these as '\2', not '\1': \3",
        ),
    )
)
"""Plain words for what Pydantic writes, one after another."""


def requirement(message: str) -> str:
    """Gives what a value must be, from Pydantic's message for one that is not: "must be 'cuda' or 'rocm'"."""
    for pattern, words in _PLAIN:
        message = pattern.sub(words, message, count=1)
    return message
