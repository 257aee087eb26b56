"""An image's needs as an image compatibility specification of Node Feature Discovery.

Source: kubernetes-sigs/node-feature-discovery docs/usage/image-compatibility.md, and docs/usage/custom-resources.md for rules.
The labels are those of GPU Feature Discovery, which writes them as features of NFD's local source. A driver may have no revision:
that label is compared as text, since a number is wanted of what is compared as one (`number_patterns`).
"""

from typing import Any

from bayplan.exports.documents import as_yaml
from bayplan.exports.kubernetes import DRIVER_LABELS, LABELLED_BY, Expression, node_selector_terms
from bayplan.exports.needs import exported_platforms, gpu_terms, notes
from bayplan.exports.number_patterns import number_pattern
from bayplan.schemas.floors import FloorAnswer

ARTIFACT_TYPE = "application/vnd.nfd.image-compatibility.v1alpha1"
_REVISION = DRIVER_LABELS[-1]
MEDIA_TYPE = "application/vnd.nfd.image-compatibility.spec.v1alpha1+yaml"


def nfd(floor: FloorAnswer) -> str:
    """A specification, to be attached to the image; raises `Invalid` for an image of which it is not known what it needs."""
    platforms = exported_platforms(floor)
    compatibilities = []
    for platform in platforms:
        if not gpu_terms(platform):
            continue
        terms = node_selector_terms((platform,))
        matches = [{"matchFeatures": [_local(term["matchExpressions"][1:])]} for term in terms]
        rule = {"name": f"{platform['accelerator']} on {platform['architecture']}", "matchAny": matches}
        compatibilities.append(
            {
                "description": f"A GPU for {floor['name']} {floor['version']}",
                "tag": platform["architecture"],
                "rules": [rule],
            }
        )
    comments = [
        *notes(floor),
        f"oras attach --artifact-type {ARTIFACT_TYPE} {floor['reference']} FILE:{MEDIA_TYPE}",
        f"matchAny: {LABELLED_BY}; a node has to match one of them.",
    ]
    return as_yaml({"version": "v1alpha1", "compatibilities": compatibilities}, comments)


def _local(expressions: list[Expression]) -> dict[str, Any]:
    """The expressions on labels as those on features of the local source; several on one label have one operator each."""
    matched: dict[str, Any] = {}
    for expression in expressions:
        key, operator, values = expression["key"], expression["operator"], expression["values"]
        if key in matched:  # Gt before Lt, on the same label
            matched[key] = {"op": "GtLt", "value": [matched[key]["value"][0], values[0]]}
        else:
            matched[key] = {"op": operator, "value": values}
    revision = matched.get(_REVISION)
    if revision is not None and revision["op"] != "In":
        matched[_REVISION] = {"op": "InRegexp", "value": [_pattern(revision["op"], list(map(int, revision["value"])))]}
    return {"feature": "local.label", "matchExpressions": matched}


def _pattern(operator: str, values: list[int]) -> str:
    low = 0 if operator == "Lt" else values[0] + 1
    return number_pattern(low, None if operator == "Gt" else values[-1] - 1)
