"""A match's query: a node and a task; and the images of an index that are for that task."""

from collections.abc import Callable
from dataclasses import dataclass

from bayplan.domain.compatibility.bits import Bits
from bayplan.domain.compatibility.index import CatalogueIndex
from bayplan.domain.compatibility.node import Node
from bayplan.domain.compatibility.verdict import MATCHED_BY_DEFAULT, Grade
from bayplan.domain.framework_spec import FrameworkSpec


@dataclass(frozen=True)
class MatchQuery:
    """A node and its task, domain and framework; None puts no condition. `framework` is as in `FrameworkSpec`."""

    node: Node
    task: str | None = None
    domain: str | None = None
    framework: str | None = None
    grades: frozenset[Grade] = MATCHED_BY_DEFAULT


@dataclass(frozen=True, slots=True)
class TaskImages:
    """The images for each part of a query; None for a part without a condition."""

    task: Bits | None
    domain: Bits | None
    framework: Bits | None

    @classmethod
    def of(cls, query: MatchQuery, index: CatalogueIndex) -> "TaskImages":
        """The images of an index; raises Invalid at `framework` for a specifier that pip would not take."""
        attributes = index.attributes
        framework = None if query.framework is None else FrameworkSpec.parse(query.framework)
        return cls(
            None if query.task is None else attributes["task"].having(_folded_test(query.task)),
            None if query.domain is None else attributes["domain"].having(_folded_test(query.domain)),
            None if framework is None else attributes["framework"].having(lambda pair: framework.accepts(*pair)),
        )

    def together(self, images: Bits) -> Bits:
        """Those of the images that meet all parts of the query."""
        for part in (self.task, self.domain, self.framework):
            if part is not None:
                images &= part
        return images


def _folded_test(text: str) -> Callable[[str], bool]:
    folded = text.strip().casefold()
    return lambda name: name.casefold() == folded
