"""Facts about an image that the rules need and docker.md has no field for."""

import datetime
import re
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field
from pydantic_core import PydanticCustomError
from typing_extensions import TypedDict

from bayplan.domain.versions import ComputeCapability, CudaVersion, DriverVersion
from bayplan.schemas.common import Body, Label, Line, Word, parsed_by
from bayplan.schemas.components import answer

_KERNEL = re.compile(r"[0-9]{1,2}\.[0-9][af]?(\+PTX)?", re.ASCII)
_REQUIRE = re.compile(r"NVIDIA_REQUIRE_[A-Z0-9_]{1,100}|CUDA_VERSION", re.ASCII)


def _kernel(text: str) -> str:
    if _KERNEL.fullmatch(text) is None:
        raise PydanticCustomError("bad_format", "must be a compute capability such as '8.6', '9.0a' or '12.0+PTX'")
    return text


def _requirement_name(text: str) -> str:
    if _REQUIRE.fullmatch(text) is None:
        raise PydanticCustomError("bad_format", "must be the name of a variable NVIDIA_REQUIRE_..., or CUDA_VERSION")
    return text


def _date(value: Any) -> Any:
    try:
        if isinstance(value, str):
            return datetime.date.fromisoformat(value).isoformat()
    except ValueError:
        raise PydanticCustomError("bad_format", "must be a date such as '2027-01-31'") from None
    return value


Kernel = Annotated[str, AfterValidator(_kernel)]
RequirementName = Annotated[str, AfterValidator(_requirement_name)]
Cuda = Annotated[Label, parsed_by(CudaVersion.parse)]
Driver = Annotated[Label, parsed_by(DriverVersion.parse)]
Capability = Annotated[Label, parsed_by(ComputeCapability.parse)]
Date = Annotated[str, BeforeValidator(_date)]


class CompatPackage(Body):
    """The forward-compatibility package in an image: the CUDA that it is for, and its driver version or branch."""

    cuda: Cuda | None = None
    driver: Driver | None = None


class FactsPatch(Body):
    """Facts that staff enter; null removes an entry. They override those of the registry and of tables."""

    architectures: Annotated[list[Word], Field(min_length=1, max_length=50)] | None = Field(None, examples=[["amd64"]])
    requirements: Annotated[dict[RequirementName, Line], Field(max_length=50)] | None = Field(
        None, examples=[{"NVIDIA_REQUIRE_CUDA": "cuda>=12.4"}]
    )
    disable_require: bool | None = None
    compat_package: CompatPackage | None = None
    compat_on_loader_path: bool | None = None
    kernel_architectures: Annotated[list[Kernel], Field(max_length=50)] | None = Field(
        None, examples=[["8.0", "8.6", "9.0", "12.0+PTX"]]
    )
    compiles_at_runtime: bool | None = None
    min_driver: Driver | None = None
    min_compute_capability: Capability | None = None
    end_of_life: Date | None = Field(None, examples=["2027-01-31"])


@answer()
class FactAnswer(TypedDict):
    """A fact and its origin: `staff`, the `registry`, or a `table` of bayplan's; null where it is not known."""

    value: Any
    origin: str | None


@answer()
class FactsAnswer(TypedDict):
    """All facts about an image."""

    architectures: FactAnswer
    requirements: FactAnswer
    disable_require: FactAnswer
    compat_package: FactAnswer
    compat_on_loader_path: FactAnswer
    kernel_architectures: FactAnswer
    compiles_at_runtime: FactAnswer
    min_driver: FactAnswer
    min_compute_capability: FactAnswer
    end_of_life: FactAnswer
