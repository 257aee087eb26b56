"""Requests and answers about docker images, with the fields of docker.md."""

from typing import Annotated, Any

from pydantic import AliasChoices, BeforeValidator, Field
from typing_extensions import TypedDict

from bayplan.schemas.common import Body, Key, Line, Name, Reference, Timestamp, Words, partial
from bayplan.schemas.components import answer
from bayplan.schemas.cuda import CudaAnswer
from bayplan.schemas.facts import FactsPatch
from bayplan.schemas.frameworks import FrameworkAnswer
from bayplan.schemas.hardware import HardwareAnswer
from bayplan.schemas.licences import LicenceAnswer
from bayplan.schemas.users import UserAnswer


def _no_cuda(value: Any) -> Any:
    return None if value == "0.0" else value


Url = Annotated[str, Field(min_length=1, max_length=2_000, examples=["nvidia/cuda:12.4.1-base-ubuntu22.04"])]
Registry = Annotated[str, Field(min_length=1, max_length=500, examples=["https://registry.example.org:5000"])]
Username = Annotated[Line, Field(min_length=1, max_length=500)]
Password = Annotated[Line, Field(min_length=1, max_length=5_000, examples=["a registry's token"])]
CudaKey = Annotated[Key | None, BeforeValidator(_no_cuda), Field(examples=["12.4.1", 12])]
GenerationKey = Annotated[Key | None, Field(examples=["Ampere", 7])]
FrameworkKey = Annotated[Key, Field(examples=["PyTorch 2.4", 3])]
DomainKey = Annotated[Key, Field(examples=["od"])]
LicenceKey = Annotated[Key, Field(examples=["Apache-2.0", 2])]
Tasks = Annotated[Words, Field(min_length=1, examples=[["train", "predict"]])]

_REGISTRY_NAMES = AliasChoices("registry", "registry_url")
_LICENCE_NAMES = AliasChoices("licence", "license")


class ImageCreate(Body):
    """A docker image to add, or to put in the place of another."""

    name: Name
    version: Name
    url: Url
    registry: Registry = Field(validation_alias=_REGISTRY_NAMES)
    registry_username: Username | None = None
    registry_password: Password | None = None
    cuda_version: CudaKey = None
    min_hardware_generation: GenerationKey = None
    cpu: bool = False
    framework: FrameworkKey
    domain: DomainKey
    tasks: Tasks
    licence: LicenceKey = Field(validation_alias=_LICENCE_NAMES)
    facts: FactsPatch | None = Field(default=None, examples=[{"compiles_at_runtime": "cubin"}])

    def values(self) -> dict[str, Any]:
        """Gives all fields; of the facts only those that the body names, since null would remove an entry."""
        return self.model_dump() | {"facts": {} if self.facts is None else self.facts.model_dump(exclude_unset=True)}


ImagePatch = partial(
    ImageCreate,
    "ImagePatch",
    "Any of the fields of a docker image; fields that the body does not name keep their values.",
)


class _ImageFields(TypedDict):
    pk: int
    name: str
    version: str
    url: str
    registry: str
    registry_username: str | None
    registry_password: str | None
    cpu: bool
    domain: str
    tasks: list[str]
    creation_time: Timestamp
    deletion_time: Timestamp | None


@answer()
class ImageAnswer(_ImageFields):
    """A docker image. The credentials are null for everyone but staff and workers."""

    cuda_version: Reference | None
    min_hardware_generation: Reference | None
    framework: Reference
    licence: Reference
    creator: Reference


@answer()
class ExpandedImageAnswer(_ImageFields):
    """A docker image with the objects that it refers to in place of their pks."""

    cuda_version: CudaAnswer | None
    min_hardware_generation: HardwareAnswer | None
    framework: FrameworkAnswer
    licence: LicenceAnswer
    creator: UserAnswer
