"""Each declared resource is whole: tests of its six actions, a collection of the client, routes and their documentation."""

import re

import pytest

from bayplan.client.client import Client
from bayplan.client.collection import Collection
from bayplan.db.projection import expandable
from bayplan.db.resource_types import RESOURCE_TYPES
from bayplan.server.crud.resource import Resource
from bayplan.server.resources import RESOURCES
from bayplan.server.routes import API_ROUTES
from tests import catalogue
from tests.server.http.test_resources import ALL, FIELDS
from tests.tour import ROOT

ACTIONS = {
    ("POST", "/list"),
    ("POST", "/create"),
    ("GET", "/{pk}"),
    ("PUT", "/{pk}"),
    ("PATCH", "/{pk}"),
    ("DELETE", "/{pk}"),
}


def name_of(resource: Resource) -> str:
    """The resource's name, for the name of a test."""
    return resource.name


def test_every_resource_type_is_a_resource_of_the_api() -> None:
    assert {resource.name for resource in RESOURCES} == set(RESOURCE_TYPES)


@pytest.mark.parametrize("resource", RESOURCES, ids=name_of)
def test_its_six_actions_are_tested(resource: Resource) -> None:
    """The tests of all resources take their names from these tables."""
    assert resource.name in ALL
    assert resource.name in catalogue.BODIES
    fields = FIELDS.get(resource.name, catalogue.DOCKER_FIELDS)
    assert [field.name for field in resource.resource_type.fields] == list(fields)


@pytest.mark.parametrize("resource", RESOURCES, ids=name_of)
def test_its_answer_has_the_fields_that_are_stored(resource: Resource) -> None:
    fields = [field.name for field in resource.resource_type.fields]
    assert sorted(resource.answer.__annotations__) == sorted(fields)


@pytest.mark.parametrize("resource", RESOURCES, ids=name_of)
def test_the_client_has_a_collection_with_its_references(resource: Resource) -> None:
    with Client("http://127.0.0.1:9") as client:
        collections = [attribute for attribute in vars(client).values() if isinstance(attribute, Collection)]
        (collection,) = [candidate for candidate in collections if candidate._path == f"/v1/{resource.name}"]
    named = set((collection._references or "").split(",")) - {""}
    assert named == {field.name for field in expandable(resource.resource_type)}


@pytest.mark.parametrize("resource", RESOURCES, ids=name_of)
def test_its_routes_are_declared_and_documented(resource: Resource) -> None:
    prefix = f"/v1/{resource.name}"
    routes = {(route.method, route.path.removeprefix(prefix)): route for route in API_ROUTES}
    assert routes.keys() >= ACTIONS
    page = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")
    for method, step in ACTIONS:
        assert routes[method, step].summary
        path = re.escape(prefix) + step.replace("{pk}", "{[A-Za-z]+}")
        assert re.search(f"`{method} {path}", page), (method, prefix + step)
