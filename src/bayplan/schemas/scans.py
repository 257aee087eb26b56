"""A scan of an image's files: what whoever scanned reports, and what is stored of it.

A worker asks `GET /v1/scans/{digest}` first, and sends `PUT /v1/scans/{digest}` where there is none. The digest is the one that it
pulled by: of the image for one platform, or of an index, of which `architecture` says the platform.
"""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError
from typing_extensions import TypedDict

from bayplan.domain.compatibility.image import FACT_NAMES
from bayplan.schemas.common import Body, Count, Line, Timestamp, Word
from bayplan.schemas.components import answer
from bayplan.schemas.facts import is_readable
from bayplan.schemas.inspection import InspectedFact

_MOST_FACT_LETTERS = 2_000
MOST_REPORT_BYTES = 1024 * 1024
Text = Annotated[Line, Field(min_length=1, max_length=1_000)]


def _bounded(value: Any) -> Any:
    if isinstance(value, str) and len(value) > _MOST_FACT_LETTERS:
        raise PydanticCustomError("bad_format", f"must have at most {_MOST_FACT_LETTERS:,} characters")
    return value


class ScannedFact(Body):
    """A fact from an image's files, the file or package that shows it, and whether it is stated there or derived."""

    value: Annotated[Any, AfterValidator(_bounded)]
    source: Text
    certainty: Literal["stated", "derived"]


def _readable(facts: dict[str, ScannedFact]) -> dict[str, ScannedFact]:
    for name, fact in facts.items():
        if name in FACT_NAMES and not is_readable(name, fact.value):
            raise PydanticCustomError("bad_format", "{name} does not have the form of that fact", {"name": name})
        if name not in FACT_NAMES and not isinstance(fact.value, (str, int, float, bool)):
            raise PydanticCustomError("bad_format", "{name} must be a text, a number, true or false", {"name": name})
    return facts


class ScannedPackage(Body):
    """A package in the image: its name in lower case with underscores, its version, and the file that says so."""

    name: Annotated[Line, Field(min_length=1, max_length=200)]
    version: Annotated[Line, Field(min_length=1, max_length=200)]
    source: Text


class ScanReport(Body):
    """What a scan found. `notes`: sentences on what could not be read. `bytes_read`: the layers' bytes, unpacked.

    `reader` is the version of what read the files: a report of a later one takes the place of an earlier report.
    """

    architecture: Word | None = None
    reader: Annotated[int, Field(ge=1, le=1_000_000)] = 1
    facts: Annotated[dict[Word, ScannedFact], Field(max_length=100), AfterValidator(_readable)]
    packages: Annotated[list[ScannedPackage], Field(max_length=2_000)] = Field(default_factory=list)
    notes: Annotated[list[Text], Field(max_length=100)] = Field(default_factory=list)
    bytes_read: Count = 0


@answer("StoredPackage")
class ScannedPackageAnswer(TypedDict):
    """A package in an image."""

    name: str
    version: str
    source: str


@answer()
class ScanAnswer(TypedDict):
    """The scan of the image with that digest; `scanned_by` is the worker's name, or the user's."""

    digest: str
    architecture: str | None
    reader: int
    facts: dict[str, InspectedFact]
    packages: list[ScannedPackageAnswer]
    notes: list[str]
    bytes_read: int
    scanned: Timestamp
    scanned_by: str | None


class ScanRequest(Body):
    """Which platform of an image the server scans; without it amd64, else the first."""

    architecture: Word | None = None


@answer("ScanJob")
class ScanJobAnswer(TypedDict):
    """The progress of the server's scan of an image: the compressed bytes of its layers that are read, and of all layers.

    `state` is `waiting`, `running`, `done` or `failed`, the last with `code` and `detail`.
    """

    image: int
    digest: str
    architecture: str | None
    state: Literal["waiting", "running", "done", "failed"]
    asked: Timestamp
    asked_by: str
    bytes_done: int
    bytes_total: int | None
    finished: Timestamp | None
    code: str | None
    detail: str | None
