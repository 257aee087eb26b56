"""A scan of an image's files: what whoever scanned reports, and what is stored of it.

A worker asks `GET /v1/scans/{digest}` first, and sends `PUT /v1/scans/{digest}` where there is none. The digest is the one that it
pulled by: of the image for one platform, or of an index, of which `architecture` says the platform.
"""

from typing import Annotated, Any, Literal

from pydantic import Field
from typing_extensions import TypedDict

from bayplan.schemas.common import Body, Count, Line, Timestamp, Word
from bayplan.schemas.components import answer
from bayplan.schemas.inspection import InspectedFact

Text = Annotated[Line, Field(min_length=1, max_length=1_000)]


class ScannedFact(Body):
    """A fact from an image's files, the file or package that says so, and whether it says it in so many words."""

    value: Any
    source: Text
    certainty: Literal["stated", "derived"]


class ScannedPackage(Body):
    """A package in the image: its name in lower case with underscores, its version, and the file that says so."""

    name: Annotated[Line, Field(min_length=1, max_length=200)]
    version: Annotated[Line, Field(min_length=1, max_length=200)]
    source: Text


class ScanReport(Body):
    """What a scan found. `notes`: sentences on what could not be read. `bytes_read`: the layers' bytes, unpacked."""

    architecture: Word | None = None
    facts: Annotated[dict[Word, ScannedFact], Field(max_length=100)]
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
    facts: dict[str, InspectedFact]
    packages: list[ScannedPackageAnswer]
    notes: list[str]
    bytes_read: int
    scanned: Timestamp
    scanned_by: str | None
