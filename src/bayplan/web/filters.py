"""The fields that choose images and nodes on pages, as filters of the API."""

from collections.abc import Iterable, Mapping
from typing import Any

from bayplan.domain.framework_spec import FrameworkSpec
from bayplan.domain.nearest import did_you_mean
from bayplan.domain.node_selectors import driver_bounds
from bayplan.errors import Invalid, Problem
from bayplan.server.matching.queries import CatalogueSnapshot
from bayplan.web.label_filter import of_labels

OF_IMAGES, OF_NODES = ("framework", "domain", "task"), ("gpu", "driver", "label")

Expression = Mapping[str, Any]


def images_filter(catalogue: CatalogueSnapshot, values: Mapping[str, str]) -> dict[str, Any] | None:
    """Gives the filter of the images that these fields choose, None where they choose all; raises `Invalid` at each wrong one."""
    return _filter(
        [
            ("framework", values.get("framework", ""), lambda text: [_of_frameworks(catalogue, text)]),
            ("domain", values.get("domain", ""), lambda text: [_exact("domain", text, case_insensitive=True)]),
            ("task", values.get("task", ""), lambda text: [_exact("tasks", text, case_insensitive=True)]),
        ]
    )


def nodes_filter(values: Mapping[str, str]) -> dict[str, Any] | None:
    """Gives the filter of the nodes that these fields choose, None where they choose all; raises `Invalid` at each wrong one."""
    return _filter(
        [
            ("gpu", values.get("gpu", ""), _of_gpu),
            ("driver", values.get("driver", ""), _of_driver),
            ("label", values.get("label", ""), of_labels),
        ]
    )


def names(catalogue: CatalogueSnapshot, attribute: str) -> list[str]:
    """Gives the domains or the tasks of the images that are not deleted."""
    index = catalogue.index
    return sorted({str(name) for name in index.attributes[attribute].within(index.every) if name}, key=str.casefold)


def _filter(fields: Iterable[tuple[str, str, Any]]) -> dict[str, Any] | None:
    expressions: list[Expression] = []
    problems: list[Problem] = []
    for name, text, expressions_of in fields:
        if not text:
            continue
        try:
            expressions += expressions_of(text)
        except Invalid as error:
            sentence = f"{error.detail[:1].upper()}{error.detail[1:]}"
            problems.append(Problem(name, error.code, sentence if sentence.endswith((".", "?")) else f"{sentence}."))
    if problems:
        raise Invalid("", problems=problems)
    return {"expressions": expressions} if expressions else None


def _of_frameworks(catalogue: CatalogueSnapshot, text: str) -> Expression:
    spec = FrameworkSpec.parse(text)
    index = catalogue.index
    existing = list(index.attributes["framework"].within(index.every))
    named = [(name, version) for name, version in existing if spec.accepts(name, version)]
    if not named:
        near = did_you_mean(text, sorted({name for name, _ in existing if name}))
        raise Invalid(f"No image has the framework {text!r}; {near or 'leave the field empty for all.'}")
    return {
        "type": "or",
        "sub_expressions": [
            {
                "type": "and",
                "sub_expressions": [_exact("framework.name", name), _exact("framework.version", version)],
            }
            for name, version in named
        ],
    }


def _of_gpu(text: str) -> list[Expression]:
    return [{"type": "contains", "field": "gpu_name", "sub_string": text, "case_insensitive": True}]


def _of_driver(text: str) -> list[Expression]:
    """The nodes with a driver: of a branch, of a release, or on one side of one; raises `Invalid`."""
    return [
        _exact("driver_version", version)
        if operator == "=="
        else {"type": "compare", "field": "driver_version", "operator": operator, "value": version}
        for operator, version in driver_bounds(text)
    ]


def _exact(field: str, value: str, *, case_insensitive: bool = False) -> Expression:
    return {"type": "exact", "field": field, "value": value, "case_insensitive": case_insensitive}
