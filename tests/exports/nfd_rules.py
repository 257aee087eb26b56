"""How Node Feature Discovery evaluates a specification, for the tests of the exports.

Source: kubernetes-sigs/node-feature-discovery pkg/apis/nfd/nodefeaturerule/expression.go: a comparison of what is no number is an
error, and an error in any expression ends the validation of the node (pkg/client-nfd/compat/node-validator/node-validator.go).
"""

import re
from collections.abc import Mapping
from typing import Any

_NUMBER = re.compile(r"[+-]?[0-9]+", re.ASCII)


class NotANumberError(Exception):
    """An expression compares a text that is no number."""


def admits(specification: Mapping[str, Any], tag: str, labels: Mapping[str, str]) -> bool:
    """Whether a node with these labels has what the sets of that tag ask for; raises `NotANumberError`."""
    sets = [each for each in specification["compatibilities"] if each["tag"] == tag]
    return bool(sets) and all(_rule(rule, labels) for each in sets for rule in each["rules"])


def _rule(rule: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    holds = _features(rule.get("matchFeatures", []), labels)
    alternatives = [_features(each["matchFeatures"], labels) for each in rule.get("matchAny", [])]
    return holds and (not alternatives or any(alternatives))


def _features(terms: list[Any], labels: Mapping[str, str]) -> bool:
    """Every expression is evaluated, whatever another gave."""
    held = [
        _holds(expression, labels.get(name)) for term in terms for name, expression in term["matchExpressions"].items()
    ]
    return all(held)


def _holds(expression: Mapping[str, Any], value: str | None) -> bool:
    if value is None:
        return False
    values = expression["value"]
    match expression["op"]:
        case "In":
            return value in values
        case "InRegexp":
            return any(re.search(pattern, value, re.ASCII) for pattern in values)
        case "Gt":
            (bound,) = values
            return _number(value) > _number(bound)
        case "Lt":
            (bound,) = values
            return _number(value) < _number(bound)
        case "GtLt":
            low, high = map(_number, values)
            assert low < high
            return low < _number(value) < high
    raise AssertionError(expression["op"])


def _number(text: str) -> int:
    if not _NUMBER.fullmatch(text):
        raise NotANumberError(text)
    return int(text)
