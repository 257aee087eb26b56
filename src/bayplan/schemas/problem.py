"""The one shape of every error: RFC 9457 problem details."""

from pydantic import Field

from bayplan.schemas.common import Answer


class ProblemPart(Answer):
    """One thing that is wrong with the input."""

    field: str = Field(examples=["framework"])
    code: str = Field(examples=["unknown_reference"])
    detail: str


class ProblemDetails(Answer):
    """What went wrong, and what to do about it. `code` is a stable word, `detail` a sentence."""

    type: str
    title: str
    status: int = Field(examples=[422])
    code: str = Field(examples=["unknown_reference"])
    detail: str = Field(examples=["No framework with pk 9999."])
    errors: list[ProblemPart]
