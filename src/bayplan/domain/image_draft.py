"""What the registry says of an image that is added by its reference alone: for the command and for the page."""

from collections.abc import Iterable, Mapping
from typing import Any

from bayplan.domain.reference import Reference

Object = Mapping[str, Any]


def common_facts(platforms: Iterable[Object]) -> dict[str, Any]:
    """Gives the value of each fact that is the same on all platforms that have it."""
    values: dict[str, list[Any]] = {}
    for platform in platforms:
        for name, fact in platform["facts"].items():
            values.setdefault(name, []).append(fact["value"])
    return {name: of_all[0] for name, of_all in values.items() if all(value == of_all[0] for value in of_all)}


def fields_from(reference: Reference, facts: Object) -> dict[str, Any]:
    """Gives the fields of an image that its reference and its facts have; no version without a tag."""
    fields = {"name": reference.repository.rpartition("/")[2], "registry": reference.registry}
    if reference.tag is not None:
        fields["version"] = reference.tag
    return fields | {name: facts[name] for name in ("cuda_version", "licence") if name in facts}


def facts_without_cuda(facts: Object) -> dict[str, Any]:
    """Gives the facts by which an image is for a GPU that it uses without CUDA; none where it is not."""
    entered = {name: facts[name] for name in ("accelerator", "needs_driver") if name in facts}
    return entered if is_without_cuda(entered) else {}


def is_without_cuda(facts: Object) -> bool:
    """Whether an image is for a GPU that it uses without CUDA, by its facts."""
    return facts.get("accelerator") not in (None, "cuda") or facts.get("needs_driver") is True


def release_named(facts: Object, releases: Iterable[Object]) -> Object | None:
    """Gives the one of these frameworks that the facts name; a build such as 2.4.0+cu124 is a 2.4.0."""
    name, version = str(facts.get("framework")), str(facts.get("framework_version"))
    versions = {release["version"]: release for release in releases if release["name"].casefold() == name.casefold()}
    return versions.get(version) or versions.get(version.partition("+")[0])
