"""The exports against the schemas that their programs publish: Kubernetes' OpenAPI, the Compose specification, Node Feature Discovery."""

import json
from pathlib import Path
from typing import Any

import jsonschema_rs
import kubernetes_validate
import pytest
import yaml
from compose_spec import PyCompose

from bayplan.exports.compose import compose
from bayplan.exports.dra import dra
from bayplan.exports.kubernetes import kubernetes
from bayplan.exports.nfd import nfd
from tests.exports.cel import quantity, semver
from tests.exports.floors import CPU, IMAGES, NGC, TORCH, floor_of

KUBERNETES = "1.34"
"""The first release with `resource.k8s.io/v1`."""
NFD = json.loads(Path(__file__).with_name("nfd_schema.json").read_text(encoding="utf-8"))


def validate(document: Any) -> None:
    """Raises for a field that the object of Kubernetes has not, and for a value of another type."""
    assert kubernetes_validate.validate(document, KUBERNETES, strict=True) == KUBERNETES


@pytest.mark.parametrize("name", IMAGES)
def test_a_pod_is_one_of_kubernetes(name: str) -> None:
    floor = floor_of(IMAGES[name], name)
    (pod,) = yaml.safe_load_all(kubernetes(floor))
    validate(pod)
    (container,) = pod["spec"]["containers"]
    assert container["image"] == floor["reference"]


@pytest.mark.parametrize("name", ["torch", "ngc"])
def test_a_claim_is_one_of_resource_k8s_io_v1(name: str) -> None:
    template, pod = yaml.safe_load_all(dra(floor_of(IMAGES[name], name)))
    assert (template["apiVersion"], template["kind"]) == ("resource.k8s.io/v1", "ResourceClaimTemplate")
    validate(template)
    validate(pod)
    (claim,) = pod["spec"]["resourceClaims"]
    assert claim["resourceClaimTemplateName"] == template["metadata"]["name"]
    (request,) = template["spec"]["spec"]["devices"]["requests"]
    assert request["exactly"]["count"] >= 1


def test_a_field_that_kubernetes_has_not_is_refused() -> None:
    template, _ = yaml.safe_load_all(dra(floor_of(TORCH, "torch")))
    (request,) = template["spec"]["spec"]["devices"]["requests"]
    request["exactly"]["selector"] = []
    with pytest.raises(kubernetes_validate.ValidationError, match="selector"):
        validate(template)


@pytest.mark.parametrize("name", IMAGES)
def test_a_service_is_one_of_the_compose_specification(name: str) -> None:
    floor = floor_of(IMAGES[name], name)
    file = PyCompose.from_yaml(compose([floor]))
    file.validate()
    (service,) = (file.services or {}).values()
    assert service.image == floor["reference"]
    with pytest.raises(Exception, match="service"):  # the library has no class of its own
        PyCompose.from_yaml("services: {a: {image: x, deploys: {}}}")


def test_services_of_several_images_are_one_file() -> None:
    file = PyCompose.from_yaml(compose([floor_of(TORCH, "a"), floor_of(CPU, "a"), floor_of(NGC, "b")]))
    file.validate()
    assert file.service_names() == ["a", "a-1-0", "b"]


@pytest.mark.parametrize("name", ["torch", "ngc"])
def test_a_specification_is_one_of_node_feature_discovery(name: str) -> None:
    document = yaml.safe_load(nfd(floor_of(IMAGES[name], name)))
    jsonschema_rs.validate(NFD, document)
    with pytest.raises(jsonschema_rs.ValidationError):
        jsonschema_rs.validate(NFD, document | {"compatibilities": [{"rules": [{"name": "a", "matchAny": [{}]}]}]})


@pytest.mark.parametrize("text", ["1.2", "1", "550.54.05", "v1.2.3", "", "1.2.3.4", "550.120"])
def test_what_is_no_version_for_kubernetes_is_an_error_in_the_tests_too(text: str) -> None:
    with pytest.raises(ValueError, match="no semantic version"):
        semver(text)


@pytest.mark.parametrize(
    ("text", "value"), [("80Gi", 80 << 30), ("14746Mi", 14746 << 20), ("1k", 1000), ("1e3", 1000), ("1.5Gi", 3 << 29)]
)
def test_quantities_are_those_of_kubernetes(text: str, value: int) -> None:
    assert float(quantity(text)) == value
    for odd in ("80GiB", "80 Gi", "Gi", "1ki"):
        with pytest.raises(ValueError, match="no quantity"):
            quantity(odd)
