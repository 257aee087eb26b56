"""What runs where, in numbers."""

from collections.abc import Sequence
from dataclasses import dataclass

from bayplan.domain.compatibility.groups import KindOfNodes


@dataclass(frozen=True, slots=True)
class FleetSummary:
    """The numbers of kinds, of groups, and of images that run on no node; and the kinds that run no image, the largest first."""

    kinds: int
    groups: int
    stranded_kinds: Sequence[tuple[KindOfNodes, str]]
    """Each with what people call it."""
    stranded_images: int
