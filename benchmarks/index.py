"""The judge's index in this process, without a server: to build it, to change it, and to match a node with it."""

import contextlib
import dataclasses
import itertools
import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median

from bayplan.domain.compatibility.fit import kinds_of_fit
from bayplan.domain.compatibility.index import CatalogueIndex
from bayplan.domain.compatibility.match import match
from bayplan.domain.compatibility.node import Node
from bayplan.domain.compatibility.order import CatalogueImage
from bayplan.domain.compatibility.question import MatchQuery
from bayplan.domain.compatibility.tables import Tables
from bayplan.domain.compatibility.tables import load as load_tables
from benchmarks.grades import DAY, catalogue_image, new_nodes
from benchmarks.rows import Outcome, Row, Size, Target, at_most

TRIES = 40
FLEET_NODES, FLEET_KINDS = 10_000, 500


@dataclass
class Catalogue:
    """The images, their index as it is now, and nodes of kinds that it has not seen."""

    images: list[CatalogueImage]
    index: CatalogueIndex
    nodes: Iterator[Node]
    tables: Tables
    dice: random.Random
    versions: Iterator[int]
    tries: int


@contextlib.contextmanager
def catalogue(size: Size, _folder: Path) -> Iterator[Catalogue]:
    """The content of the benchmark, in memory."""
    images, tables = [catalogue_image(number) for number in range(size.images)], load_tables()
    yield Catalogue(
        images,
        CatalogueIndex.build(images, tables),
        new_nodes(),
        tables,
        random.Random(1),
        itertools.count(1_000),
        size.samples_of(TRIES),
    )


@contextlib.contextmanager
def large_catalogue(size: Size, folder: Path) -> Iterator[Catalogue]:
    """The same with the large number of images."""
    with catalogue(dataclasses.replace(size, images=size.large_images), folder) as large:
        yield large


def build(place: Catalogue) -> Outcome:
    """The processor time of building the index."""
    seconds = median(_seconds(lambda: CatalogueIndex.build(place.images, place.tables), 3))
    return Outcome(seconds, f"{seconds:.2f} s")


def change(place: Catalogue) -> Outcome:
    """The processor time of one change of an image, which moves it in the order."""
    return _milliseconds(lambda: _change(place), place.tries)


def new_kind(place: Catalogue) -> Outcome:
    """The processor time of the ten best images for a node of a kind that was never seen."""
    for _ in range(3):
        match(MatchQuery(next(place.nodes)), place.index, DAY, limit=10, explain=False)
    return _milliseconds(lambda: _ten_best(place, next(place.nodes)), place.tries)


def seen_kind(place: Catalogue) -> Outcome:
    """The same for a kind that asked before, right after a change of an image."""
    node = next(place.nodes)
    _ten_best(place, node)
    seconds = []
    for _ in range(place.tries):
        _change(place)
        seconds += _seconds(lambda: _ten_best(place, node), 1)
    return Outcome(1000 * median(seconds), f"{1000 * median(seconds):.2f} ms")


def fit(place: Catalogue) -> Outcome:
    """The processor time of one image over a fleet of many nodes of some hundred kinds, none of them seen before."""

    def over_fleet() -> None:
        kinds = list(itertools.islice(place.nodes, FLEET_KINDS))
        nodes = [(number, kinds[number % FLEET_KINDS]) for number in range(FLEET_NODES)]
        kinds_of_fit(place.images[0].image, nodes, {}, place.tables, DAY, of_fleet=True)

    seconds = median(_seconds(over_fleet, 3))
    return Outcome(seconds, f"{seconds:.2f} s")


def _change(place: Catalogue) -> None:
    image = replace(place.dice.choice(place.images), version=f"{next(place.versions)}.0")
    place.index = place.index.with_changes([image])


def _ten_best(place: Catalogue, node: Node) -> None:
    query = MatchQuery(node, task="train", domain="od", framework="pytorch")
    match(query, place.index, DAY, limit=10, explain=False)


def _milliseconds(work: Callable[[], object], tries: int) -> Outcome:
    value = 1000 * median(_seconds(work, tries))
    return Outcome(value, f"{value:.2f} ms")


def _seconds(work: Callable[[], object], tries: int) -> list[float]:
    seconds = []
    for _ in range(tries):
        begin = time.process_time()
        work()
        seconds.append(time.process_time() - begin)
    return seconds


def _rows(suffix: str, images: str, today: tuple[str, ...], limits: tuple[float, ...]) -> tuple[Row[Catalogue], ...]:
    units = ("{:g} s", "{:g} ms", "{:g} ms", "{:g} ms")
    targets: list[Target] = [at_most(limit, unit) for limit, unit in zip(limits, units, strict=True)]
    works = (
        ("build", "built of", build),
        ("change", "one change, of", change),
        ("new", "the ten best of a kind never seen, of", new_kind),
        ("seen", "the ten best of a kind seen before, right after a change, of", seen_kind),
    )
    return tuple(
        Row(f"index{suffix}-{key}", f"index in process: {words} {images} images", before, target, work)
        for (key, words, work), before, target in zip(works, today, targets, strict=True)
    )


_FIT = Row(
    "index-fit",
    f"in process: one image over {FLEET_NODES:,} nodes of {FLEET_KINDS} kinds",
    "",
    at_most(0.5, "{:g} s"),
    fit,
)
ROWS = (*_rows("", "10,000", ("", "rebuilt", "6.5 ms", "6.5 ms"), (0.25, 1, 1.2, 0.4)), _FIT)
LARGE_ROWS = _rows("-large", "100,000", ("", "rebuilt", "13.7 ms", "13.7 ms"), (2.5, 4, 2.5, 2.5))
