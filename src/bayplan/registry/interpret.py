"""What an image says about itself: manifests and configurations to facts. Pure.

Nothing is guessed: each fact has its source and its certainty (`stated` where a variable or a label says it, `derived`
where it is worked out of the history or the tag); a fact that the image does not have is left out. The first reader that
has a fact counts: variables and labels, then the history, then the tag.
"""

import datetime
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import orjson

from bayplan.domain.reference import Reference
from bayplan.registry.accelerator_facts import accelerator_facts, build_cuda_facts, kernel_facts
from bayplan.registry.build_history import read_history
from bayplan.registry.content import Config, Manifest, Platform
from bayplan.registry.cuda_facts import compat_facts, cuda_facts, library_facts
from bayplan.registry.driver_facts import OF_COMPUTING, needs_driver
from bayplan.registry.errors import ManifestInvalid
from bayplan.registry.evidence import Evidence, Facts, NamedFact, ObservedFact, derived, stated
from bayplan.registry.fact_sources import FACT_SOURCES
from bayplan.registry.framework_facts import SERVERS, framework_facts
from bayplan.registry.sbom import NOTHING_ATTACHED, Attached, Attachment
from bayplan.registry.sbom_facts import merged
from bayplan.registry.tag_facts import tag_facts

_REQUIRE = re.compile(r"NVIDIA_REQUIRE_[A-Z0-9_]{1,100}", re.ASCII)
_OF_ROCM = frozenset({"accelerator", "rocm_version", "kernel_architectures"})
_OF_FRAMEWORKS = OF_COMPUTING | {"driver_capabilities", "python_version"}
_WITHOUT_CUDA = frozenset({"cuda_version", "framework_cuda", "compiler_cuda", "cuda_architectures"})


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
    attached: tuple[Attachment, ...] = ()
    """The documents that are attached to it."""


def platform_facts(
    digest: str,
    manifest: Manifest,
    config: Config,
    listed: Iterable[Platform] = (),
    reference: Reference | None = None,
    attached: Attached = NOTHING_ATTACHED,
) -> PlatformFacts:
    """The facts of one manifest and its configuration, of the reference's name, and of what is attached to the image.

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
        facts=merged(
            read_facts(
                Evidence(
                    env=config.env,
                    label=config.labels,
                    annotation=manifest.annotations or {},
                    history=read_history(config.steps, config.env),
                    start=config.start,
                    repository="" if reference is None else f"{reference.registry}/{reference.repository}",
                    tag="" if reference is None else reference.tag or "",
                )
            ),
            attached.documents,
            by_architecture.architecture or "",
        ),
        attached=attached.attachments,
    )
    try:
        orjson.dumps(platform)
    except TypeError:
        raise ManifestInvalid(
            f"The configuration of the image {digest[:19]} has text that is not Unicode. Build the image again."
        ) from None
    return platform


def read_facts(evidence: Evidence) -> Facts:
    """Every fact of an image's manifest, configuration and name."""
    facts: Facts = {}
    for read in _READERS:
        for name, fact in read(evidence):
            facts.setdefault(name, fact)
    by_tag = dict(tag_facts(evidence))
    if not _OF_FRAMEWORKS & facts.keys():  # jax-rs is a library of Java
        by_tag = {name: fact for name, fact in by_tag.items() if not fact.source.startswith("repository ")}
    framework, named = facts.get("framework"), by_tag.get("framework")
    if framework is not None and named is not None and named.value != framework.value:
        serves = named.value in SERVERS and framework.value not in SERVERS
        if serves and ("framework_version" in by_tag or "framework_version" not in facts):
            facts.pop("framework")  # what it serves with is built on that library
            facts.pop("framework_version", None)
        else:
            by_tag.pop("framework_version", None)
    accelerator = facts.get("accelerator", by_tag.get("accelerator"))
    if "cuda_version" in facts and "accelerator" not in facts:
        by_tag = {name: fact for name, fact in by_tag.items() if name not in _OF_ROCM}
        accelerator = None
    facts = by_tag | facts
    if (driver := needs_driver(evidence, facts)) is not None:
        facts["needs_driver"] = driver
    if accelerator is not None:
        facts = {name: fact for name, fact in facts.items() if name not in _WITHOUT_CUDA}
    return dict(sorted(facts.items()))


def _table(evidence: Evidence) -> Iterator[NamedFact]:
    for place in FACT_SOURCES:
        text = evidence.by(place.where).get(place.name)
        value = None if text is None else place.read(text)
        if value is not None:
            yield place.fact, ObservedFact(value, f"{place.where} {place.name}", place.certainty)


def _requirements(evidence: Evidence) -> Iterator[NamedFact]:
    """The start conditions. Where NVIDIA_REQUIRE_CUDA is empty or absent, the runtime makes a condition of CUDA_VERSION.

    Source: nvidia-container-toolkit, internal/config/image/cuda_image.go.
    """
    conditions = {name: value for name, value in evidence.env.items() if _REQUIRE.fullmatch(name)}
    if not conditions.get("NVIDIA_REQUIRE_CUDA") and evidence.env.get("CUDA_VERSION"):
        conditions["CUDA_VERSION"] = evidence.env["CUDA_VERSION"]
    if conditions:
        yield "requirements", stated(dict(sorted(conditions.items())), "env")


def _python(evidence: Evidence) -> Iterator[NamedFact]:
    """The release of Python that the build installs: by conda, or by the argument of a command that uses it."""
    place = next(place for place in FACT_SOURCES if place.fact == "python_version")
    if place.name in evidence.env:
        return
    for installation in reversed(evidence.installations):
        requirement = installation.requirement("python") if installation.tool == "conda" else None
        if requirement is not None and requirement.version and place.read(requirement.version):
            yield "python_version", derived(requirement.version, "history conda install python")
            return
    for step in reversed(evidence.history.runs):
        argument = step.settings.get(place.name, "")
        if place.name in step.text and (release := place.read(argument)):
            yield "python_version", derived(release, f"history ARG {place.name}")
            return


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


_READERS = (
    cuda_facts,
    accelerator_facts,
    framework_facts,
    build_cuda_facts,
    kernel_facts,
    compat_facts,
    _requirements,
    library_facts,
    _python,
    _table,
)
