"""What an image says about itself: manifests and configurations to facts, and facts against the catalogue. Pure.

Nothing is guessed: each fact has its source and its certainty (`stated` in so many words, or `derived`); a fact that
the image does not state is left out. The facts are those of the table `bayplan.registry.fact_sources.FACT_SOURCES`, and
those of the functions here, which need several places.
"""

import csv
import datetime
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import orjson
from packaging.version import InvalidVersion, Version

from bayplan.domain.versions import CudaVersion
from bayplan.errors import Invalid
from bayplan.registry.content import Config, Manifest, Platform
from bayplan.registry.errors import ManifestInvalid
from bayplan.registry.fact_sources import FACT_SOURCES, FRAMEWORKS, Certainty, Value, framework_version, version

CUDART = Path(__file__).parent / "cudart.csv"
_REQUIRE = re.compile(r"NVIDIA_REQUIRE_[A-Z0-9_]{1,100}", re.ASCII)
_COMPAT = re.compile(r"cuda-compat-([0-9]{1,3})-([0-9]{1,3})(?:=([0-9]+(?:\.[0-9]+)+)(?:-[0-9]+)?)?", re.ASCII)


@dataclass(frozen=True, slots=True)
class ObservedFact:
    """A fact that an image states about itself, its source, and its certainty."""

    value: Value
    source: str
    certainty: Certainty


Facts = dict[str, ObservedFact]


@dataclass(frozen=True, slots=True)
class PlatformFacts:
    """One image of a reference: what it runs on, its size as it is downloaded, and what it says about itself."""

    os: str | None
    architecture: str | None
    variant: str | None
    digest: str
    size_bytes: int
    created: str | None
    facts: Facts


@dataclass(frozen=True, slots=True)
class FactContradiction:
    """A field of the catalogue whose value differs from what the image states."""

    field: str
    catalogue: str
    registry: str
    source: str


@dataclass(frozen=True, slots=True)
class _Statements:
    """The environment, the labels and the annotations of an image."""

    env: Mapping[str, str]
    label: Mapping[str, str]
    annotation: Mapping[str, str]

    def by(self, where: str) -> Mapping[str, str]:
        return {"env": self.env, "label": self.label, "annotation": self.annotation}[where]


def platform_facts(digest: str, manifest: Manifest, config: Config, listed: Iterable[Platform] = ()) -> PlatformFacts:
    """The facts of one manifest and its configuration.

    `listed` are the platforms of its entries in indexes, the innermost first: what they name takes precedence over the
    configuration, and what nobody names is None. The variant is of whoever names the architecture. Raises ManifestInvalid
    for facts that are no Unicode: half a character cannot be stored.
    """
    named: list[Platform | Config] = [*listed, config]
    by_architecture = next((platform for platform in named if platform.architecture), config)
    platform = PlatformFacts(
        os=next((platform.os for platform in named if platform.os), None),
        architecture=by_architecture.architecture or None,
        variant=by_architecture.variant or None,
        digest=digest,
        size_bytes=manifest.size_bytes,
        created=_time(config.created),
        facts=read_facts(config.env, config.labels, manifest.annotations or {}),
    )
    try:
        orjson.dumps(platform)
    except TypeError:
        raise ManifestInvalid(
            f"The image {digest[:19]} says something about itself that is no Unicode: build it again."
        ) from None
    return platform


def read_facts(env: Mapping[str, str], labels: Mapping[str, str], annotations: Mapping[str, str]) -> Facts:
    """Every fact in the environment, the labels and the annotations of an image."""
    statements = _Statements(env, labels, annotations)
    facts: Facts = {}
    for read in (_cuda, _frameworks, _compat_package, _requirements, _table):
        for name, fact in read(statements):
            facts.setdefault(name, fact)
    return dict(sorted(facts.items()))


def _table(statements: _Statements) -> Iterator[tuple[str, ObservedFact]]:
    for place in FACT_SOURCES:
        text = statements.by(place.where).get(place.name)
        value = None if text is None else place.read(text)
        if value is not None:
            yield place.fact, ObservedFact(value, f"{place.where} {place.name}", place.certainty)


def _cuda(statements: _Statements) -> Iterator[tuple[str, ObservedFact]]:
    """The exact CUDA release where the image has it, else the minor release."""
    stated = _release(statements.env.get("CUDA_VERSION"))
    library = _release(version(statements.env.get("NV_CUDA_LIB_VERSION", "")))
    runtime_text = version(statements.env.get("NV_CUDA_CUDART_VERSION", ""))
    runtime = _release(_cudart_releases().get(runtime_text or "", _minor(runtime_text)))
    label = _release(statements.label.get("com.nvidia.cuda.version"))
    readings = (
        (stated, "env CUDA_VERSION", "stated"),
        (library, "env NV_CUDA_LIB_VERSION", "derived"),
        (runtime, "env NV_CUDA_CUDART_VERSION", "derived"),
        (label if label is None or label.patch is not None else None, "label com.nvidia.cuda.version", "stated"),
    )
    candidates: list[tuple[CudaVersion, str, Certainty]] = [
        (release, source, "stated" if certainty == "stated" else "derived")
        for release, source, certainty in readings
        if release is not None and (stated is None or release.release == stated.release)
    ]
    exact = [candidate for candidate in candidates if candidate[0].patch is not None]
    for release, source, certainty in (exact or candidates)[:1]:
        yield "cuda_version", ObservedFact(str(release), source, certainty)


def _release(text: str | None) -> CudaVersion | None:
    try:
        return None if text is None else CudaVersion.parse(text)
    except Invalid:
        return None


def _minor(text: str | None) -> str | None:
    return None if text is None else ".".join(text.split(".")[:2])


@cache
def _cudart_releases() -> dict[str, str]:
    """CUDA releases by the version of the cudart package, for versions that belong to a single release."""
    with CUDART.open(encoding="utf-8", newline="") as file:
        return {row["cudart"]: row["release"] for row in csv.DictReader(file)}


def _frameworks(statements: _Statements) -> Iterator[tuple[str, ObservedFact]]:
    """The framework and its version; nothing for an image with several frameworks."""
    frameworks: list[tuple[str, str, str]] = []
    for framework, places in FRAMEWORKS.items():
        versions = ((where, name, framework_version(statements.by(where).get(name, ""))) for where, name in places)
        frameworks += [(framework, text, f"{where} {name}") for where, name, text in versions if text is not None][:1]
    if len(frameworks) == 1:
        framework, text, source = frameworks[0]
        yield "framework", ObservedFact(framework, source, "stated")
        yield "framework_version", ObservedFact(text, source, "stated")


def _compat_package(statements: _Statements) -> Iterator[tuple[str, ObservedFact]]:
    """The forward-compatibility package: named by nvidia/cuda, at a path of its own in NGC images."""
    named = _COMPAT.fullmatch(statements.env.get("NV_CUDA_COMPAT_PACKAGE", "").strip())
    if named is not None:
        value = {"cuda": f"{named[1]}.{named[2]}", "driver": named[3]}
        yield "compat_package", ObservedFact(value, "env NV_CUDA_COMPAT_PACKAGE", "derived")
    release = _release(statements.env.get("CUDA_VERSION"))
    driver = version(statements.env.get("CUDA_DRIVER_VERSION", ""))
    if statements.env.get("_CUDA_COMPAT_PATH") and release is not None:
        value = {"cuda": f"{release.major}.{release.minor}", "driver": driver}
        source = "env _CUDA_COMPAT_PATH, CUDA_VERSION" + (", CUDA_DRIVER_VERSION" if driver else "")
        yield "compat_package", ObservedFact(value, source, "derived")


def _requirements(statements: _Statements) -> Iterator[tuple[str, ObservedFact]]:
    """The start conditions. Where NVIDIA_REQUIRE_CUDA is empty or absent, the runtime makes a condition of CUDA_VERSION.

    Source: nvidia-container-toolkit, internal/config/image/cuda_image.go.
    """
    conditions = {name: value for name, value in statements.env.items() if _REQUIRE.fullmatch(name)}
    if not conditions.get("NVIDIA_REQUIRE_CUDA") and statements.env.get("CUDA_VERSION"):
        conditions["CUDA_VERSION"] = statements.env["CUDA_VERSION"]
    if conditions:
        yield "requirements", ObservedFact(dict(sorted(conditions.items())), "env", "stated")


def _time(stamp: Any) -> str | None:
    """A time stamp in UTC to the second.

    None for what is none, beyond the years that can be told, or before 1970 (builders write the year 1 for no time).
    """
    try:
        moment = datetime.datetime.fromisoformat(stamp)
        if moment.tzinfo is None:
            return None
        moment = moment.astimezone(datetime.UTC)
    except (TypeError, ValueError, OverflowError):
        return None
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ") if moment.year >= 1970 else None


def contradictions(
    catalogue: Mapping[str, str | None], platforms: Iterable[PlatformFacts]
) -> tuple[FactContradiction, ...]:
    """The fields in which the catalogue differs from what an image states; a value that either lacks is no contradiction.

    `catalogue` has `cuda_version`, `framework`, `framework_version` and `licence` (SPDX), each optional. A shorter
    version agrees with a longer one that begins with it: 12.4 with 12.4.1, 2.4 with 2.4.0+cu124.
    """
    result: dict[FactContradiction, None] = {}
    for platform in platforms:
        for field, agrees in _AGREE.items():
            entered, fact = catalogue.get(field), platform.facts.get(field)
            if entered and fact is not None and isinstance(fact.value, str) and not agrees(entered, fact.value):
                result[FactContradiction(field, entered, fact.value, fact.source)] = None
    return tuple(result)


def _same_release(left: str, right: str) -> bool:
    try:
        first, second = Version(left).release, Version(right).release
    except (InvalidVersion, ValueError):  # ValueError alone: thousands of digits
        return left == right
    return all(part == other for part, other in zip(first, second, strict=False))


def _same_word(left: str, right: str) -> bool:
    return left.casefold() == right.casefold()


_AGREE = {
    "cuda_version": _same_release,
    "framework": _same_word,
    "framework_version": _same_release,
    "licence": _same_word,
}
