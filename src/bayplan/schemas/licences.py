"""Requests and answers about licences, and the change of their sub-descriptors."""

from typing import Annotated, Literal

from pydantic import Field
from typing_extensions import TypedDict

from bayplan.schemas.common import Body, Line, Name, Names, partial
from bayplan.schemas.components import answer


class LicenceCreate(Body):
    """A licence, and what it permits, limits and demands."""

    name: Name = Field(examples=["Apache License 2.0"])
    url: Line = Field(default="", examples=["https://www.apache.org/licenses/LICENSE-2.0"])
    domains: Names = Field(default=[])
    permissions: Names = Field(default=[], examples=[["commercial-use", "modifications"]])
    limitations: Names = Field(default=[], examples=[["liability", "warranty"]])
    conditions: Names = Field(default=[], examples=[["include-copyright"]])


LicencePatch = partial(LicenceCreate, "LicencePatch", "Any of the fields of a licence.")


class SubDescriptors(Body):
    """Names to add to, or to remove from, one of a licence's lists."""

    method: Literal["add", "remove"]
    type: Literal["domains", "permissions", "limitations", "conditions"]
    names: Annotated[Names, Field(min_length=1, examples=[["patent-use"]])]


@answer()
class LicenceAnswer(TypedDict):
    """A licence."""

    pk: int
    name: str
    url: str
    domains: list[str]
    permissions: list[str]
    limitations: list[str]
    conditions: list[str]
