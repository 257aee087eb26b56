"""Image compatibility specifications of Node Feature Discovery as facts: what every node that one admits has. Pure.

A specification is a list of sets of rules. Which of the sets counts is not said there, so all are alternatives; but a set whose tag
is an architecture is of the image for that one alone. Of each rule a lower bound counts that holds for all of its alternatives: what
is not understood makes the bound weaker, and never stronger.
Source: kubernetes-sigs/node-feature-discovery docs/usage/image-compatibility.md, api/nfd/v1alpha1/types.go (Rule, MatchExpression),
pkg/apis/nfd/nodefeaturerule/expression.go; NVIDIA/k8s-device-plugin docs/gpu-feature-discovery/README.md (labels, gpu.memory in MiB).
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import yaml

from bayplan.registry.errors import ManifestInvalid
from bayplan.registry.evidence import Facts, stated

ARTIFACT_TYPE = "application/vnd.nfd.image-compatibility.v1alpha1"
MEDIA_TYPE = "application/vnd.nfd.image-compatibility.spec.v1alpha1+yaml"
KIND = "NFD image compatibility"
MOST_BYTES = 256 * 1024
MOST_EVENTS = 50_000
"""Of YAML: texts, and beginnings and ends of lists and objects."""
MOST_LEVELS = 20
VERSION = "v1alpha1"
_ARCHITECTURES = frozenset({"amd64", "arm64", "ppc64le", "s390x", "riscv64"})
_FEATURES = frozenset({"local.label", "local.feature"})
"""What GPU Feature Discovery writes is a feature of NFD's local source."""

DRIVER = tuple(f"nvidia.com/cuda.driver-version.{part}" for part in ("major", "minor", "revision"))
_OLDER_NAMES: Mapping[str, str] = {
    "nvidia.com/cuda.driver.major": DRIVER[0],
    "nvidia.com/cuda.driver.minor": DRIVER[1],
    "nvidia.com/cuda.driver.rev": DRIVER[2],
}
CAPABILITY = ("nvidia.com/gpu.compute.major", "nvidia.com/gpu.compute.minor")
MEMORY, COUNT = "nvidia.com/gpu.memory", "nvidia.com/gpu.count"
_NUMBER = re.compile(r"[0-9]{1,9}", re.ASCII)
_MOST_PATTERN = 300
_DIGITS = r"(?:[0-9]|\[(?:[0-9](?:-[0-9])?){1,10}\])(?:\{[0-9](?:,[0-9]?)?\})?"
_NUMBER_PATTERN = re.compile(rf"\^0\*\((?:{_DIGITS})+(?:\|(?:{_DIGITS})+)*\)\$", re.ASCII)
"""Digits, without groups and stars within: such a pattern is matched at once, whoever wrote it, and means the same in Go."""
_REVISIONS = 1000
_TEXT, _NULL, _MERGE = (f"tag:yaml.org,2002:{name}" for name in ("str", "null", "merge"))
_MIB = 1 << 20

Bound = tuple[int, ...]
"""The smallest version, or number, that is admitted."""


@dataclass(frozen=True, slots=True)
class LeastNeeds:
    """What every node that is admitted has at least; None where nothing is said."""

    driver: Bound | None = None
    capability: Bound | None = None
    memory_mib: Bound | None = None
    gpus: Bound | None = None

    def and_(self, other: "LeastNeeds") -> "LeastNeeds":
        """Those of nodes that both admit."""
        return LeastNeeds(*(_larger(own, its) for own, its in zip(self._all(), other._all(), strict=True)))

    def or_(self, other: "LeastNeeds") -> "LeastNeeds":
        """Those of nodes that one of both admits."""
        pairs = zip(self._all(), other._all(), strict=True)
        return LeastNeeds(*(None if own is None or its is None else min(own, its) for own, its in pairs))

    def _all(self) -> tuple[Bound | None, ...]:
        return (self.driver, self.capability, self.memory_mib, self.gpus)


@dataclass(frozen=True, slots=True)
class NfdSpecification:
    """The bounds of each set of rules, with the set's tag."""

    sets: tuple[tuple[str, LeastNeeds], ...]

    def facts_on(self, architecture: str) -> Facts:
        """The facts of the image for an architecture."""
        sets = [each for each in self.sets if each[0] not in _ARCHITECTURES or each[0] == architecture]
        return {name: stated(value, KIND) for name, value in NfdSpecification(tuple(sets)).values().items()}

    def values(self) -> dict[str, str | int]:
        """The facts of the image wherever it runs, by name."""
        if not self.sets:
            return {}
        bounds = [each for _, each in self.sets]
        common = _any(bounds)
        values: dict[str, str | int] = {}
        if common.driver:
            values["min_driver"] = ".".join(map(str, common.driver))
        if common.capability and len(common.capability) == len(CAPABILITY):
            values["min_compute_capability"] = ".".join(map(str, common.capability))
        if common.memory_mib:
            values["min_gpu_memory_bytes"] = common.memory_mib[0] * _MIB
        if common.gpus and common.gpus[0] > 1:
            values["min_gpus"] = common.gpus[0]
        return values


def read_specification(body: bytes, what: str) -> NfdSpecification:
    """The specification in a document; raises ManifestInvalid for one that is not as its format has it."""
    document = _parsed(body, what)
    if not isinstance(document, dict) or document.get("version") != VERSION:
        raise ManifestInvalid(f"{what} is no specification of version {VERSION}.")
    sets = document.get("compatibilities")
    if not isinstance(sets, list) or not sets or not all(isinstance(each, dict) for each in sets):
        raise ManifestInvalid(f"{what} has no list of compatibilities.")
    return NfdSpecification(tuple((_tag(each), _of_set(each, what)) for each in sets))


def _parsed(body: bytes, what: str) -> Any:
    if len(body) > MOST_BYTES:
        raise ManifestInvalid(f"{what} has {len(body):,} bytes; no more than {MOST_BYTES:,} are read.")
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        level = 0
        for number, event in enumerate(yaml.parse(body, Loader=loader)):
            if isinstance(event, yaml.AliasEvent):
                raise ManifestInvalid(f"{what} has an alias, which is not read.")
            level += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
            if number > MOST_EVENTS or level > MOST_LEVELS:
                raise ManifestInvalid(f"{what} has too many parts, or is nested too deep.")
        return _plain(yaml.compose(body, Loader=loader), what)
    except (yaml.YAMLError, UnicodeError):
        raise ManifestInvalid(f"{what} is not YAML.") from None


def _plain(node: yaml.Node | None, what: str) -> Any:
    """The texts, lists, objects and nulls of a document; `...` for a number or a date, which a specification has nowhere.

    Nothing is made of these: a number of YAML 1.1 may take seconds, or be none.
    """
    if isinstance(node, yaml.SequenceNode):
        return [_plain(each, what) for each in node.value]
    if isinstance(node, yaml.MappingNode):
        if any(not isinstance(key, yaml.ScalarNode) or key.tag == _MERGE for key, _ in node.value):
            raise ManifestInvalid(f"{what} has a key that is no text.")
        return {key.value: _plain(each, what) for key, each in node.value}
    if node is None or node.tag == _NULL:
        return None
    return node.value if node.tag == _TEXT else ...


def _tag(compatibility: Mapping[str, Any]) -> str:
    tag = compatibility.get("tag")
    return tag if isinstance(tag, str) else ""


def _of_set(compatibility: Mapping[str, Any], what: str) -> LeastNeeds:
    """All rules of a set hold."""
    rules = compatibility.get("rules")
    if not isinstance(rules, list) or not all(isinstance(rule, dict) for rule in rules):
        raise ManifestInvalid(f"{what} has a compatibility without a list of rules.")
    bounds = LeastNeeds()
    for rule in rules:
        bounds = bounds.and_(_of_features(rule.get("matchFeatures"), what))
        alternatives = rule.get("matchAny")
        if alternatives is None or alternatives == []:
            continue
        if not isinstance(alternatives, list) or not all(isinstance(each, dict) for each in alternatives):
            raise ManifestInvalid(f"{what} has a matchAny that is no list of matchers.")
        bounds = bounds.and_(_any(_of_features(each.get("matchFeatures"), what) for each in alternatives))
    return bounds


def _larger(one: Bound | None, other: Bound | None) -> Bound | None:
    return max(one or (), other or ()) or None


def _any(bounds: Iterable[LeastNeeds]) -> LeastNeeds:
    first, *others = bounds
    for other in others:
        first = first.or_(other)
    return first


def _of_features(features: Any, what: str) -> LeastNeeds:
    """All terms hold."""
    if features is None:
        return LeastNeeds()
    if not isinstance(features, list) or not all(isinstance(term, dict) for term in features):
        raise ManifestInvalid(f"{what} has matchFeatures that are no list of terms.")
    lows: dict[str, int] = {}
    for term in features:
        expressions = term.get("matchExpressions")
        if term.get("feature") not in _FEATURES or not isinstance(expressions, dict):
            continue
        for label, expression in expressions.items():
            low = _least(expression)
            if low is not None and isinstance(label, str):
                name = _OLDER_NAMES.get(label, label)
                lows[name] = max(low, lows.get(name, low))
    return LeastNeeds(
        _version(lows, DRIVER), _version(lows, CAPABILITY), _version(lows, (MEMORY,)), _version(lows, (COUNT,))
    )


def _version(lows: Mapping[str, int], labels: tuple[str, ...]) -> Bound | None:
    """The smallest version with these parts at least; a part that nothing is said of, and those behind it, do not count."""
    parts: list[int] = []
    for label in labels:
        if label not in lows:
            break
        parts.append(lows[label])
    return tuple(parts) or None


def _least(expression: Any) -> int | None:
    """The smallest number that an expression on a label admits; None where it admits others too, or is not understood."""
    if not isinstance(expression, dict):
        return None
    operator, value = expression.get("op"), expression.get("value")
    if isinstance(value, str):
        value = [value]
    if not isinstance(value, list) or not value or not all(isinstance(each, str) for each in value):
        return None
    if operator == "InRegexp":
        return _least_of_pattern(value[0]) if len(value) == 1 else None
    if not all(_NUMBER.fullmatch(each) for each in value):
        return None
    numbers = [int(each) for each in value]
    match operator:
        case "In":
            return min(numbers)
        case "Gt" if len(numbers) == 1:
            return numbers[0] + 1
        case "GtLt" if len(numbers) == 2:
            return numbers[0] + 1
    return None


@lru_cache(maxsize=256)
def _least_of_pattern(text: str) -> int | None:
    """The smallest number that a pattern of numbers admits, of those that are revisions of drivers."""
    if len(text) > _MOST_PATTERN or not _NUMBER_PATTERN.fullmatch(text):
        return None
    try:
        pattern = re.compile(text, re.ASCII)
    except re.error:
        return None
    return next((number for number in range(_REVISIONS) if pattern.fullmatch(str(number))), None)
