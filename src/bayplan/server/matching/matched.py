"""What a match gives to pages: images as people read them, with their verdicts, and without registry credentials."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bayplan.domain.compatibility.image import Image
from bayplan.domain.compatibility.match import MatchResult
from bayplan.domain.compatibility.summary import SummaryLine
from bayplan.domain.compatibility.verdict import MATCHED_BY_DEFAULT, Grade, Verdict
from bayplan.domain.framework_spec import framework_key
from bayplan.domain.reference import located
from bayplan.errors import Invalid

Object = dict[str, Any]


@dataclass(frozen=True, slots=True)
class MatchedImage:
    """An image of the catalogue, and the verdict on it."""

    pk: int
    name: str
    version: str
    reference: str
    """What `docker pull` takes; the image's url where that cannot be read."""
    framework: str
    """With its version: "PyTorch 2.4"."""
    framework_name: str
    cuda: str | None
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class ImagesOfFramework:
    """The matches of a framework, whatever its version, best first."""

    framework: str
    images: Sequence[MatchedImage]


@dataclass(frozen=True, slots=True)
class MatchedImages:
    """The answer to a question; of `rejected`, as many as were asked for."""

    worker: Object
    """The facts of the node, as the API names them."""
    considered: int
    grades: Mapping[Grade, int]
    """How many of the considered images have each grade, the best grade first."""
    matches: Sequence[MatchedImage]
    rejected: Sequence[MatchedImage]
    summary: Sequence[SummaryLine]

    @property
    def running(self) -> int:
        """How many of the considered images run."""
        return sum(count for grade, count in self.grades.items() if grade in MATCHED_BY_DEFAULT)

    @property
    def by_framework(self) -> Sequence[ImagesOfFramework]:
        """The matches by framework, in the order of the first match of each."""
        groups: dict[str, list[MatchedImage]] = {}
        for image in self.matches:
            groups.setdefault(framework_key(image.framework_name), []).append(image)
        return [ImagesOfFramework(images[0].framework_name, images) for images in groups.values()]


def matched_images(
    worker: Object, result: MatchResult, images: Mapping[int, Image], load: Callable[[int], Object | None]
) -> MatchedImages:
    """Gives the answer; `load` gives an image's fields, None for one that is gone meanwhile."""

    def shown(verdicts: Sequence[tuple[int, Verdict]]) -> list[MatchedImage]:
        return [_matched(item, images[pk], verdict) for pk, verdict in verdicts if (item := load(pk)) is not None]

    return MatchedImages(
        worker, result.considered, result.grades, shown(result.matches), shown(result.rejected), result.summary
    )


def _matched(item: Object, image: Image, verdict: Verdict) -> MatchedImage:
    try:
        reference = located(item["url"], item["registry"]).familiar
    except Invalid:  # stored before such were refused
        reference = item["url"]
    name = image.framework or "-"
    framework = f"{name} {image.framework_version or ''}".rstrip()
    return MatchedImage(item["pk"], item["name"], item["version"], reference, framework, name, image.cuda, verdict)
