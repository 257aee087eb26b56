"""Requests and answers about CUDA releases."""

from typing import Annotated

from pydantic import Field
from typing_extensions import TypedDict

from bayplan.domain.versions import DriverVersion, parse_cuda_family
from bayplan.schemas.common import Body, Label, parsed_by, partial
from bayplan.schemas.components import answer

CudaText = Annotated[Label, parsed_by(parse_cuda_family)]
DriverText = Annotated[Label, parsed_by(DriverVersion.parse), Field(examples=["550.54.15"])]


class CudaCreate(Body):
    """A CUDA release and the oldest driver that has everything it needs."""

    version: CudaText = Field(examples=["12.4"])
    full_version: CudaText = Field(examples=["12.4.1"])
    min_driver_version: DriverText | None = None


CudaPatch = partial(CudaCreate, "CudaPatch", "Any of the fields of a CUDA release.")


@answer()
class CudaAnswer(TypedDict):
    """A CUDA release."""

    pk: int
    version: str
    full_version: str
    min_driver_version: str | None
