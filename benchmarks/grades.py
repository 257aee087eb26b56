"""All grades of a catalogue's images for many kinds of nodes, worked out in this process without a server."""

import contextlib
import datetime
import itertools
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from bayplan.domain.compatibility.image import Image
from bayplan.domain.compatibility.index import CatalogueIndex
from bayplan.domain.compatibility.node import Node
from bayplan.domain.compatibility.order import CatalogueImage
from bayplan.domain.compatibility.tables import load as load_tables
from benchmarks import content
from benchmarks.rows import Outcome, Row, Size, at_most

KINDS = 500
DAY = datetime.date(2026, 1, 1)


@dataclass(frozen=True)
class Fleet:
    """A catalogue as the judge keeps it, and nodes that all differ."""

    index: CatalogueIndex
    nodes: Sequence[Node]
    images: int
    rounds: int


@contextlib.contextmanager
def fleet(size: Size, _folder: Path) -> Iterator[Fleet]:
    """The content of the benchmark, in memory."""
    kinds = KINDS if size.images >= 10_000 else KINDS // 10
    nodes = list(itertools.islice(new_nodes(), kinds))
    index = CatalogueIndex.build((catalogue_image(number) for number in range(size.images)), load_tables())
    yield Fleet(index, nodes, size.images, size.rounds)


def new_nodes() -> Iterator[Node]:
    """Nodes of kinds that were never seen."""
    for worker in content.new_workers():
        yield Node(
            driver_version=worker["driver_version"],
            compute_capability=worker["compute_capability"],
            gpu_name=worker["gpu_name"],
            gpu_brand=worker["gpu_brand"],
            architecture=worker["architecture"],
        )


def catalogue_image(number: int) -> CatalogueImage:
    """An image of the benchmark's content as the judge has it."""
    body = content.image(number)
    framework, version = body["framework"].split()
    image = Image(
        cuda=body["cuda_version"],
        min_generation=body["min_hardware_generation"],
        framework=framework,
        framework_version=version,
        cpu=body["cpu"],
    )
    return CatalogueImage(number + 1, body["version"], image, tuple(body["tasks"]), body["domain"], name=body["name"])


def all_grades(fleet: Fleet) -> Outcome:
    """The median of the processor seconds for every grade of every image on every node."""
    seconds = []
    for round_ in range(fleet.rounds):
        day = DAY + datetime.timedelta(days=round_)  # another day: nothing is answered from what was kept
        begin = time.process_time()
        for node in fleet.nodes:
            grades = fleet.index.verdicts(node, day).grades
            assert sum(images.bit_count() for images in grades.values()) == fleet.images
        seconds.append(time.process_time() - begin)
    words = f"{median(seconds):.2f} s for {fleet.images:,} images and {len(fleet.nodes)} kinds"
    return Outcome(median(seconds), words)


ROWS = (
    Row(
        "grades",
        "all grades of 10,000 images for 500 kinds of nodes, in process",
        "4 to 5 s",
        at_most(0.6, "{:g} s"),
        all_grades,
    ),
)
