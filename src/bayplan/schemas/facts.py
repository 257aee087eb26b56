"""Facts about an image that the rules need and docker.md has no field for."""

import datetime
import re
from typing import Annotated, Any, Literal, NotRequired

from pydantic import AfterValidator, AliasChoices, BeforeValidator, Field, PlainValidator, TypeAdapter, ValidationError
from pydantic_core import PydanticCustomError
from typing_extensions import TypedDict

from bayplan.domain.versions import ComputeCapability, DriverVersion, parse_cuda_family
from bayplan.schemas.common import STRICT, Body, Count, Label, Line, Word, parsed_by
from bayplan.schemas.components import answer

_GFX = r"gfx(?:[0-9a-f]{3,5}|[0-9]{1,2}(?:-[0-9]{1,2})?-generic)(?::(?:xnack|sramecc)[+-]){0,2}"


def matching(pattern: str, sentence: str) -> AfterValidator:
    """Gives a validator for texts of a form, which the sentence describes: it follows the field's name in an error."""
    form = re.compile(pattern, re.ASCII)

    def check(text: str) -> str:
        if form.fullmatch(text) is None:
            raise PydanticCustomError("bad_format", "{sentence}", {"sentence": sentence})
        return text

    return AfterValidator(check)


def _date(value: Any) -> Any:
    try:
        if isinstance(value, str):
            return datetime.date.fromisoformat(value).isoformat()
    except ValueError:
        raise PydanticCustomError("bad_format", "must be a date such as '2027-01-31'") from None
    return value


def _compat_activation(value: Any) -> Any:
    return ("always" if value else "never") if isinstance(value, bool) else value


def _runtime_compilation(value: Any) -> Any:
    if value is True:
        return "ptx"
    if value is False or value in ("ptx", "cubin"):
        return value
    raise PydanticCustomError("bad_format", "must be 'ptx', 'cubin', true or false")


Kernel = Annotated[
    str,
    matching(
        rf"[0-9]{{1,2}}\.[0-9][af]?(?:\+PTX)?|compute_[0-9]{{2,3}}[af]?|{_GFX}",
        "must be a compute capability such as '8.6', '9.0a' or '12.0+PTX', 'compute_90' for PTX alone, or a target such as "
        "'gfx942', 'gfx90a:xnack+' or 'gfx11-generic'",
    ),
]
Library = Annotated[
    str,
    matching(
        r"[a-z][a-z0-9_.]{0,99}",
        "must be the name of a package in lower case with underscores, such as 'torch' or 'flash_attn'",
    ),
]
RequirementName = Annotated[
    str,
    matching(
        r"NVIDIA_REQUIRE_[A-Z0-9_]{1,100}|CUDA_VERSION",
        "must be the name of a variable NVIDIA_REQUIRE_..., or CUDA_VERSION",
    ),
]
Accelerator = Annotated[
    str, matching(r"[a-z][a-z0-9_-]{0,49}", "must be a word in lower case such as 'cuda', 'rocm' or 'ascend'")
]
Target = Annotated[str, matching(_GFX, "must be the target of an AMD GPU such as 'gfx942' or 'gfx90a:sramecc+:xnack-'")]
RocmVersion = Annotated[
    str, matching(r"[0-9]{1,3}\.[0-9]{1,3}(?:\.[0-9]{1,3})?", "must be a ROCm release such as '6.3' or '6.3.2'")
]
Cuda = Annotated[Label, parsed_by(parse_cuda_family)]
Driver = Annotated[Label, parsed_by(DriverVersion.parse)]
Capability = Annotated[Label, parsed_by(ComputeCapability.parse)]
Date = Annotated[str, BeforeValidator(_date)]

Kernels = Annotated[list[Kernel], Field(max_length=200)]
KernelsByLibrary = Annotated[dict[Library, Kernels], Field(min_length=1, max_length=50)]
_LIST, _BY_LIBRARY = TypeAdapter[Any](Kernels, config=STRICT), TypeAdapter[Any](KernelsByLibrary, config=STRICT)


def _kernel_architectures(value: Any) -> Any:
    """The one form or the other, so that an error is not that of both."""
    return (_BY_LIBRARY if isinstance(value, dict) else _LIST).validate_python(value)


KernelArchitectures = Annotated[
    Any, PlainValidator(_kernel_architectures, json_schema_input_type=Kernels | KernelsByLibrary)
]
_Activation = Literal["toolkit", "entrypoint", "always", "never"]
CompatActivation = Annotated[
    _Activation, BeforeValidator(_compat_activation, json_schema_input_type=_Activation | bool)
]
RuntimeCompilation = Annotated[
    Any, PlainValidator(_runtime_compilation, json_schema_input_type=Literal["ptx", "cubin"] | bool)
]


class CompatPackage(Body):
    """The forward-compatibility package in an image: the CUDA that it is for, and its driver version or branch."""

    cuda: Cuda | None = None
    driver: Driver | None = None


class FactsPatch(Body):
    """Facts that staff enter; null removes an entry. They override those of scans, of the registry and of tables.

    `kernel_architectures` is a list, which is the framework's, or an object of lists by the library's name. Memory in bytes.
    `compat_on_loader_path`, true or false, is read as `compat_activation`, `always` or `never`; `compiles_at_runtime` true as `ptx`.
    """

    architectures: Annotated[list[Word], Field(min_length=1, max_length=50)] | None = Field(None, examples=[["amd64"]])
    accelerator: Accelerator | None = Field(None, examples=["rocm"])
    rocm_version: RocmVersion | None = Field(None, examples=["6.3.2"])
    requirements: Annotated[dict[RequirementName, Line], Field(max_length=50)] | None = Field(
        None, examples=[{"NVIDIA_REQUIRE_CUDA": "cuda>=12.4"}]
    )
    disable_require: bool | None = None
    compat_package: CompatPackage | None = None
    compat_activation: CompatActivation | None = Field(
        None, validation_alias=AliasChoices("compat_activation", "compat_on_loader_path")
    )
    framework_cuda: Cuda | None = Field(None, examples=["12.8"])
    kernel_architectures: KernelArchitectures | None = Field(
        None, examples=[["8.0", "8.6", "9.0", "12.0+PTX"], {"torch": ["8.0", "9.0"], "flash_attn": ["8.0"]}]
    )
    compiles_at_runtime: RuntimeCompilation | None = None
    compiler_cuda: Cuda | None = Field(None, examples=["12.8"])
    min_driver: Driver | None = None
    min_compute_capability: Capability | None = None
    min_gpu_memory_bytes: Count | None = None
    min_shared_memory_bytes: Count | None = None
    min_gpus: Annotated[int, Field(ge=1, le=1_024)] | None = None
    needs_driver: bool | None = None
    end_of_life: Date | None = Field(None, examples=["2027-01-31"])


def is_readable(name: str, value: Any) -> bool:
    """Whether a value has the form that staff's entry of the fact of that name would have."""
    try:
        FactsPatch.model_validate({name: value})
    except ValidationError:
        return False
    return True


@answer()
class FactSource(TypedDict):
    """What one origin says of a fact; `source` is the file, variable or table that says so."""

    origin: str
    value: Any
    source: str | None
    certainty: str | None


@answer()
class ArchitectureFact(TypedDict):
    """A fact on an architecture where it is another than the image's."""

    value: Any
    origin: str | None
    sources: list[FactSource]
    disagree: bool


@answer()
class FactAnswer(TypedDict):
    """A fact and its origin: `staff`, a `scan`, the `registry`, or a `table` of bayplan's; null where it is not known.

    `sources` is there where more than staff say something: all sources side by side, the one that is used first. `disagree` is
    whether two of them differ, and `by_architecture` has the fact for architectures where it is another.
    """

    value: Any
    origin: str | None
    sources: NotRequired[list[FactSource]]
    disagree: NotRequired[bool]
    by_architecture: NotRequired[dict[str, ArchitectureFact]]


@answer()
class FactsAnswer(TypedDict):
    """All facts about an image."""

    architectures: FactAnswer
    accelerator: FactAnswer
    rocm_version: FactAnswer
    requirements: FactAnswer
    disable_require: FactAnswer
    compat_package: FactAnswer
    compat_activation: FactAnswer
    framework_cuda: FactAnswer
    kernel_architectures: FactAnswer
    compiles_at_runtime: FactAnswer
    compiler_cuda: FactAnswer
    min_driver: FactAnswer
    min_compute_capability: FactAnswer
    min_gpu_memory_bytes: FactAnswer
    min_shared_memory_bytes: FactAnswer
    min_gpus: FactAnswer
    needs_driver: FactAnswer
    end_of_life: FactAnswer
