"""What an image says about itself: manifests and configurations to facts, and facts against the catalogue. Pure.

Nothing is guessed: each fact says where it was read and whether the image says so in so many words (`stated`) or it
was worked out (`derived`); what an image does not say is not there. The facts are those of
`bayplan.registry.fact_sources.TELLERS` and, where one place is not enough to tell, of the functions here.
"""

import csv
import datetime
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from packaging.version import InvalidVersion, Version

from bayplan.domain.versions import CudaVersion
from bayplan.errors import Invalid
from bayplan.registry.content import Config, Manifest, Platform
from bayplan.registry.fact_sources import FACT_SOURCES, FRAMEWORKS, Certainty, Value, framework_version, version

CUDART = Path(__file__).parent / "cudart.csv"
_REQUIRE = re.compile(r"NVIDIA_REQUIRE_[A-Z0-9_]{1,100}", re.ASCII)
_COMPAT = re.compile(r"cuda-compat-([0-9]{1,3})-([0-9]{1,3})(?:=([0-9]+(?:\.[0-9]+)+)(?:-[0-9]+)?)?", re.ASCII)


@dataclass(frozen=True, slots=True)
class ObservedFact:
    """Something that an image says, where it says so, and how sure that makes it."""

    value: Value
    source: str
    certainty: Certainty


Facts = dict[str, ObservedFact]


@dataclass(frozen=True, slots=True)
class PlatformFacts:
    """One image of a reference: what it runs on, its size as it is downloaded, and what it says about itself."""

    os: str
    architecture: str
    variant: str | None
    digest: str
    size_bytes: int
    created: str | None
    facts: Facts


@dataclass(frozen=True, slots=True)
class FactContradiction:
    """A field of the catalogue that says something else than the image does."""

    field: str
    catalogue: str
    registry: str
    source: str


@dataclass(frozen=True, slots=True)
class _Told:
    """All that an image's documents say, by place."""

    env: Mapping[str, str]
    label: Mapping[str, str]
    annotation: Mapping[str, str]

    def by(self, where: str) -> Mapping[str, str]:
        return {"env": self.env, "label": self.label, "annotation": self.annotation}[where]


def platform_facts(digest: str, manifest: Manifest, config: Config, listed: Platform | None = None) -> PlatformFacts:
    """What one manifest and its configuration tell; `listed` is the platform that an index gives it, which counts."""
    platform = listed or config
    return PlatformFacts(
        os=platform.os,
        architecture=platform.architecture,
        variant=platform.variant,
        digest=digest,
        size_bytes=manifest.size_bytes,
        created=_time(config.created),
        facts=read_facts(config.env, config.labels, manifest.annotations or {}),
    )


def read_facts(env: Mapping[str, str], labels: Mapping[str, str], annotations: Mapping[str, str]) -> Facts:
    """Every fact that these tell."""
    told = _Told(env, labels, annotations)
    facts: Facts = {}
    for read in (_cuda, _frameworks, _compat_package, _requirements, _table):
        for name, fact in read(told):
            facts.setdefault(name, fact)
    return dict(sorted(facts.items()))


def _table(told: _Told) -> Iterator[tuple[str, ObservedFact]]:
    for teller in FACT_SOURCES:
        text = told.by(teller.where).get(teller.name)
        value = None if text is None else teller.read(text)
        if value is not None:
            yield teller.fact, ObservedFact(value, f"{teller.where} {teller.name}", teller.certainty)


def _cuda(told: _Told) -> Iterator[tuple[str, ObservedFact]]:
    """The exact release where the image tells it; the minor release where it tells no more."""
    stated = _release(told.env.get("CUDA_VERSION"))
    library = _release(version(told.env.get("NV_CUDA_LIB_VERSION", "")))
    runtime_text = version(told.env.get("NV_CUDA_CUDART_VERSION", ""))
    runtime = _release(_cudart_releases().get(runtime_text or "", _minor(runtime_text)))
    label = _release(told.label.get("com.nvidia.cuda.version"))
    said = (
        (stated, "env CUDA_VERSION", "stated"),
        (library, "env NV_CUDA_LIB_VERSION", "derived"),
        (runtime, "env NV_CUDA_CUDART_VERSION", "derived"),
        (label if label is None or label.patch is not None else None, "label com.nvidia.cuda.version", "stated"),
    )
    candidates: list[tuple[CudaVersion, str, Certainty]] = [
        (release, source, "stated" if certainty == "stated" else "derived")
        for release, source, certainty in said
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
    """CUDA releases by the version of the cudart package where that belongs to a single one."""
    with CUDART.open(encoding="utf-8", newline="") as file:
        return {row["cudart"]: row["release"] for row in csv.DictReader(file)}


def _frameworks(told: _Told) -> Iterator[tuple[str, ObservedFact]]:
    """The framework and its version; an image with several is open, because none of them is the one."""
    found: list[tuple[str, str, str]] = []
    for framework, places in FRAMEWORKS.items():
        versions = ((where, name, framework_version(told.by(where).get(name, ""))) for where, name in places)
        found += [(framework, text, f"{where} {name}") for where, name, text in versions if text is not None][:1]
    if len(found) == 1:
        framework, text, source = found[0]
        yield "framework", ObservedFact(framework, source, "stated")
        yield "framework_version", ObservedFact(text, source, "stated")


def _compat_package(told: _Told) -> Iterator[tuple[str, ObservedFact]]:
    """The forward-compatibility package: named by nvidia/cuda, at a path of its own in NGC images."""
    named = _COMPAT.fullmatch(told.env.get("NV_CUDA_COMPAT_PACKAGE", "").strip())
    if named is not None:
        value = {"cuda": f"{named[1]}.{named[2]}", "driver": named[3]}
        yield "compat_package", ObservedFact(value, "env NV_CUDA_COMPAT_PACKAGE", "derived")
    release = _release(told.env.get("CUDA_VERSION"))
    driver = version(told.env.get("CUDA_DRIVER_VERSION", ""))
    if told.env.get("_CUDA_COMPAT_PATH") and release is not None:
        value = {"cuda": f"{release.major}.{release.minor}", "driver": driver}
        source = "env _CUDA_COMPAT_PATH, CUDA_VERSION" + (", CUDA_DRIVER_VERSION" if driver else "")
        yield "compat_package", ObservedFact(value, source, "derived")


def _requirements(told: _Told) -> Iterator[tuple[str, ObservedFact]]:
    """The start conditions. Where NVIDIA_REQUIRE_CUDA says nothing the runtime makes one of CUDA_VERSION, so that is one too.

    Nothing is said by an empty variable as well as by none (nvidia-container-toolkit, internal/config/image/cuda_image.go).
    """
    found = {name: value for name, value in told.env.items() if _REQUIRE.fullmatch(name)}
    if not found.get("NVIDIA_REQUIRE_CUDA") and told.env.get("CUDA_VERSION"):
        found["CUDA_VERSION"] = told.env["CUDA_VERSION"]
    if found:
        yield "requirements", ObservedFact(dict(sorted(found.items())), "env", "stated")


def _time(text: str | None) -> str | None:
    """A time stamp in UTC to the second; None for none, and for the year 1, which builders write for none."""
    try:
        moment = datetime.datetime.fromisoformat(text or "")
    except ValueError:
        return None
    if moment.tzinfo is None or moment.year < 1970:
        return None
    return moment.astimezone(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def contradictions(
    catalogue: Mapping[str, str | None], platforms: Iterable[PlatformFacts]
) -> tuple[FactContradiction, ...]:
    """Where the catalogue says something else than an image does; what either leaves open is no contradiction.

    `catalogue` has `cuda_version`, `framework`, `framework_version` and `licence` (SPDX), each optional. A version
    that says less agrees with one that says more: 12.4 with 12.4.1, 2.4 with 2.4.0+cu124.
    """
    found: dict[FactContradiction, None] = {}
    for platform in platforms:
        for field, agrees in _AGREE.items():
            entered, fact = catalogue.get(field), platform.facts.get(field)
            if entered and fact is not None and isinstance(fact.value, str) and not agrees(entered, fact.value):
                found[FactContradiction(field, entered, fact.value, fact.source)] = None
    return tuple(found)


def _same_release(one: str, other: str) -> bool:
    try:
        first, second = Version(one).release, Version(other).release
    except InvalidVersion:
        return one == other
    return all(left == right for left, right in zip(first, second, strict=False))


def _same_word(one: str, other: str) -> bool:
    return one.casefold() == other.casefold()


_AGREE = {
    "cuda_version": _same_release,
    "framework": _same_word,
    "framework_version": _same_release,
    "licence": _same_word,
}
