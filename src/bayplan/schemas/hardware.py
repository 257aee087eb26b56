"""Requests and answers about GPU generations, each a range of compute capabilities."""

from typing import Annotated

from pydantic import Field
from typing_extensions import TypedDict

from bayplan.schemas.common import Body, Name, Number, partial
from bayplan.schemas.components import answer

Capability = Annotated[Number, Field(ge=0, le=1_000_000)]


class HardwareCreate(Body):
    """A GPU generation: the compute capabilities from `min_` (inclusive) to `max_` (exclusive)."""

    generation: Name = Field(examples=["Ampere"])
    min_compute_capability: Capability = Field(examples=[8.0])
    max_compute_capability: Capability = Field(examples=[8.9])


HardwarePatch = partial(HardwareCreate, "HardwarePatch", "Any of the fields of a GPU generation.")


@answer()
class HardwareAnswer(TypedDict):
    """A GPU generation."""

    pk: int
    generation: str
    min_compute_capability: float
    max_compute_capability: float
