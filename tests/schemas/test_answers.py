"""Every answer of the API is checked against its type, strictly: as staff, as an ordinary user and as a worker.

The clients check each answer that they get. One test asks for all, so that it can tell at the end that none was left out.
"""

from collections.abc import Iterator
from typing import Any

import httpx2
import pytest
from pydantic import ValidationError

from bayplan.schemas.users import UserAnswer
from tests import catalogue
from tests.conftest import Service, Template, serving
from tests.inprocess import Loop
from tests.joining import Joined, join, joined, obtain
from tests.registry.running import Registry, configuration, running_registry
from tests.schemas.checked_answers import CheckedAnswers

REFERENCES = {
    "docker": "cuda_version,framework,min_hardware_generation,licence,creator",
    "nodes": "hardware_generation",
    "prefetch": "creator",
}
"""What `?expand=` has to name for the types in `EXPANDED`."""


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    """A registry without credentials."""
    with running_registry("open", tmp_path_factory.mktemp("open")) as registry:
        yield registry


@pytest.fixture(scope="module")
def service(
    kind: str, request: pytest.FixtureRequest, template: Template, loop: Loop, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Service]:
    """The application, which may ask 127.0.0.1, over a catalogue that the module's tests share."""
    folder = tmp_path_factory.mktemp("answers")
    with serving(kind, request, template, loop, folder, registry_allow_private=("127.0.0.0/8",)) as service:
        yield service


@pytest.fixture(scope="module")
def checked(service: Service) -> CheckedAnswers:
    """The answers of that application, checked at all of its clients."""
    checked = CheckedAnswers(service.anonymous.get("/openapi.json").json())
    for client in (service.staff, service.user, service.anonymous):
        client.event_hooks = {"response": [checked.check]}
    return checked


@pytest.fixture(scope="module")
def worker(service: Service, checked: CheckedAnswers) -> Iterator[Joined]:
    """A worker with two nodes."""
    with joined(service) as worker:
        worker.client.event_hooks = {"response": [checked.check]}
        yield worker


@pytest.fixture(scope="module")
def people(service: Service, checked: CheckedAnswers) -> list[httpx2.Client]:
    """Who may read everything: staff, and an ordinary user."""
    return [service.staff, service.user]


def ok(response: httpx2.Response) -> Any:
    """The content of an answer that is one."""
    assert response.is_success, f"{response.request.method} {response.request.url}: {response.text}"
    return response.json() if response.content else None


def resources(service: Service, people: list[httpx2.Client], resource: str) -> None:
    path = f"/v1/{resource}"
    body = catalogue.BODIES[resource]()
    made = ok(service.staff.post(f"{path}/create", json=body))
    pk = made["pk"]
    first = next(iter(body))
    for client in [service.staff] if resource == "users" else people:
        for params in ({}, {"expand": REFERENCES[resource]} if resource in REFERENCES else {}):
            ok(client.get(f"{path}/{pk}", params=params))
            assert ok(client.post(f"{path}/list", json={}, params=params))
    ok(service.staff.put(f"{path}/{pk}", json=body))
    ok(service.staff.patch(f"{path}/{pk}", json={first: body[first]}))


def what_a_worker_reads(service: Service, worker: Joined) -> None:
    image = service.make("docker", registry_username="kim", registry_password="a password")["pk"]
    for params in ({}, {"expand": REFERENCES["docker"]}):
        assert ok(worker.client.get(f"/v1/docker/{image}", params=params))["registry_password"]
        assert ok(worker.client.post("/v1/docker/list", params=params))
    ok(worker.client.get(f"/v1/docker/{image}/checks"))
    for params in ({}, {"expand": REFERENCES["nodes"]}):
        ok(worker.client.get(f"/v1/nodes/{worker.nodes[0]}", params=params))
    assert ok(worker.client.post("/v1/docker/match", json={"node": worker.nodes[0]}))["matches"]


def users_of_whom_others_see_the_name_alone(service: Service, people: list[httpx2.Client]) -> None:
    """So that the fields which are null for others were seen as null, and those of oneself as they are."""
    image = service.make("docker")["pk"]
    creator = ok(service.user.get(f"/v1/docker/{image}", params={"expand": REFERENCES["docker"]}))["creator"]
    assert {name for name, value in creator.items() if value is None} == (
        set(UserAnswer.__annotations__) - {"pk", "username"}
    )
    for client in people:
        assert ok(client.post("/v1/users/list"))


def sparse_objects(service: Service, people: list[httpx2.Client]) -> None:
    """Objects of which only the required fields are given, so that every other is null."""
    optional = {"cuda_version", "min_hardware_generation", "registry_username", "registry_password"}
    image = {name: value for name, value in catalogue.image(cpu=True).items() if name not in optional}
    pk = ok(service.staff.post("/v1/docker/create", json=image))["pk"]
    node = ok(service.staff.post("/v1/nodes/create", json={"ip": catalogue.node()["ip"]}))["pk"]
    cuda = {name: value for name, value in catalogue.cuda().items() if name != "min_driver_version"}
    ok(service.staff.post("/v1/cuda/create", json=cuda))
    for client in people:
        ok(client.get(f"/v1/docker/{pk}", params={"expand": REFERENCES["docker"]}))
        ok(client.get(f"/v1/nodes/{node}", params={"expand": REFERENCES["nodes"]}))
        ok(client.post("/v1/cuda/list"))
        ok(client.get(f"/v1/docker/{pk}/nodes"))
        ok(client.get(f"/v1/nodes/{node}/images"))


def the_actions_of_images(service: Service, people: list[httpx2.Client]) -> None:
    pk = service.make("docker")["pk"]
    ok(service.staff.patch(f"/v1/docker/{pk}/lifecycle", json={"deprecated": True, "why": "old"}))
    ok(service.staff.patch(f"/v1/docker/{pk}/facts", json={"min_driver": "570.0", "architectures": ["amd64"]}))
    for client in people:
        ok(client.get(f"/v1/docker/{pk}/facts"))
        ok(client.get(f"/v1/docker/{pk}/lifecycle"))
    ok(service.staff.delete(f"/v1/docker/{pk}"))
    ok(service.staff.delete(f"/v1/docker/{pk}/reinstate"))
    ok(service.staff.delete(f"/v1/docker/{pk}"))
    ok(service.staff.delete(f"/v1/docker/{pk}/hard"))


def matching(service: Service, worker: Joined, people: list[httpx2.Client]) -> None:
    image = service.make("docker")["pk"]
    for client in people:
        for driver in ("550.54.15", "390.48"):
            described = {"driver_version": driver, "compute_capability": "8.6", "architecture": "amd64"}
            answer = ok(client.post("/v1/docker/match", json={"worker": described, "explain": True}))
            assert answer["matches" if driver > "5" else "rejected"]
        ok(client.post("/v1/docker/match", json={"node": worker.nodes[0]}))
        assert ok(client.get(f"/v1/docker/{image}/nodes"))["nodes"]
        assert ok(client.get(f"/v1/nodes/{worker.nodes[0]}/images"))["images"]
        for changes in ({}, {"driver_version": "390.48"}):
            assert ok(client.post(f"/v1/docker/{image}/fit", json={"worker": changes} if changes else {}))["kinds"]
        assert ok(client.get(f"/v1/docker/{image}/floor"))
        assert ok(client.get("/v1/docker/runnable"))
        assert ok(client.post("/v1/docker/matrix"))["verdicts"]
        assert ok(client.get("/v1/nodes/upgrades"))["kinds"]
        old = {"changes": [{"set": {"driver_version": "390.48"}}]}
        assert ok(client.post("/v1/docker/what-if", json=old))["images"]["lost"]
    images = [image["pk"] for image in ok(service.user.post("/v1/docker/list"))]
    assert ok(service.user.post("/v1/docker/retirement", json={"images": images}))["nodes"]


def workers(service: Service, worker: Joined, checked: CheckedAnswers) -> None:
    ok(service.staff.post("/v1/nodes/join-tokens", json={}))
    assert ok(service.staff.post("/v1/nodes/join-tokens/list"))
    token = ok(service.staff.post("/v1/nodes/join-tokens", json={"uses": 2}))["token"]
    with service.client(token) as machine:
        machine.event_hooks = {"response": [checked.check]}
        ok(machine.post("/v1/nodes/join", json=catalogue.machine(0)))
    assert join(service, catalogue.machine(1)).status_code == 201
    assert ok(worker.client.post("/v1/nodes/join", json=worker.body))["secret"] is None
    assert ok(service.staff.post("/v1/nodes/workers/list"))


def prefetching(service: Service, worker: Joined, people: list[httpx2.Client]) -> None:
    image = service.make("docker")["pk"]
    images, nodes = (
        {"expressions": [{"type": "exact", "field": "pk", "value": pk}]} for pk in (image, worker.nodes[0])
    )
    ok(service.staff.post("/v1/prefetch/create", json=catalogue.prefetch(nodes=nodes, images=images)))
    assert ok(worker.client.get("/v1/prefetch/wanted"))["images"]
    other = service.make("docker")["pk"]
    digest = "sha256:" + "a" * 64
    entries = [
        {"image": image, "state": "held", "digest": digest, "size_bytes": 1_000},
        {"image": other, "state": "failed", "detail": "No such image."},
    ]
    for reported in ([], entries):
        ok(worker.client.put("/v1/prefetch/holdings", json={"images": reported}))
        for client in people:
            assert ok(client.get("/v1/prefetch/status"))
            assert ok(client.get(f"/v1/nodes/{worker.nodes[0]}/holdings"))["images"]
            assert ok(client.get(f"/v1/docker/{image}/holdings"))["nodes"]
            ok(client.get("/v1/docker/outdated"))
            ok(client.post("/v1/docker/retirement", json={"images": [image, other]}))


def registries(service: Service, registry: Registry, people: list[httpx2.Client]) -> None:
    registry.image("team/held", "1", configuration({"CUDA_VERSION": "11.8.0", "PYTORCH_VERSION": "2.4.1"}))
    credentials = {"registry_username": "kim", "registry_password": "the first password"}
    place = {"registry": f"http://{registry.host}"}
    image = service.make("docker", url=f"{registry.host}/team/held:1", **place)["pk"]
    gone = service.make("docker", url=f"{registry.host}/team/gone:1", **place, **credentials)["pk"]
    unchecked = service.make("docker")["pk"]
    ok(service.staff.post("/v1/docker/inspect", json={"url": f"{registry.host}/team/held:1"}))
    assert ok(service.staff.post(f"/v1/docker/{image}/inspection"))["contradictions"]
    ok(service.staff.post(f"/v1/docker/{image}/checks"))
    registry.image("team/held", "1", configuration({"CUDA_VERSION": "12.4.1"}))
    assert ok(service.staff.post(f"/v1/docker/{image}/checks"))["history"][0]["changes"]
    assert ok(service.staff.post(f"/v1/docker/{gone}/checks"))["state"] == "missing"
    ok(service.staff.post("/v1/docker/checks", json={"which": "not_ok"}))
    digest = ok(service.staff.get(f"/v1/docker/{image}/inspection"))["platforms"][0]["digest"]
    package = {"name": "torch", "version": "2.9.1", "source": "torch.dist-info/METADATA"}
    scan = {"facts": {"min_gpus": {"value": 2, "source": "a file", "certainty": "derived"}}, "packages": [package]}
    ok(service.staff.put(f"/v1/scans/{digest}", json=scan))
    ok(service.staff.post(f"/v1/docker/{image}/scan"))
    for client in people:
        ok(client.get(f"/v1/docker/{image}/scan"))
        assert ok(client.get(f"/v1/scans/{digest}"))["packages"]
        for pk in (image, gone, unchecked):
            ok(client.get(f"/v1/docker/{pk}/checks"))
        ok(client.get(f"/v1/docker/{image}/inspection"))
        assert ok(client.get(f"/v1/docker/{image}/facts"))["requirements"]
    ok(service.staff.get("/v1/docker/checks"))
    assert ok(service.staff.post("/v1/docker/checks/list"))
    assert ok(service.staff.get("/v1/credentials"))
    rotation = place | credentials | {"registry_password": "the second password", "check": False}
    ok(service.staff.post("/v1/credentials/rotate", json=rotation))
    assert ok(service.staff.get("/v1/audit"))


def the_catalogue_file(service: Service) -> None:
    document = {"frameworks": [catalogue.framework()], "images": [catalogue.image()], "nodes": [catalogue.node()]}
    for dry_run in ("true", "false"):
        plan = ok(service.staff.post("/v1/catalogue/apply", json=document, params={"dry_run": dry_run}))
        assert len(plan["changes"]) == 3
    for secrets in ("true", "false"):
        assert ok(service.staff.get("/v1/catalogue/export", params={"secrets": secrets}))["images"]


def reference_data(service: Service, people: list[httpx2.Client]) -> None:
    licence = service.make("licences")["pk"]
    words = {"method": "add", "type": "permissions", "names": ["patent-use"]}
    ok(service.staff.patch(f"/v1/licences/{licence}/subdescriptors", json=words))
    for client in people:
        ok(client.get("/v1/hardware/get-hardware-generation/8.6"))


def history(service: Service) -> None:
    assert ok(service.staff.get("/v1/history"))


def sessions(service: Service, checked: CheckedAnswers) -> None:
    body = catalogue.user()
    ok(service.staff.post("/v1/users/create", json=body))
    credentials = {name: body[name] for name in ("username", "password")}
    tokens = ok(service.anonymous.post("/v1/auth/obtain", json=credentials))
    ok(service.anonymous.post("/v1/auth/refresh", json={"refresh": tokens["refresh"]}))
    ok(service.anonymous.post("/v1/auth/verify", json={"token": tokens["access"]}))
    with service.client(tokens["access"]) as person:
        person.event_hooks = {"response": [checked.check]}
        assert ok(person.get("/v1/users/me"))["token"] is None
        token = ok(person.post("/v1/tokens/create", json={"name": "prolog", "scopes": ["read"]}))["token"]
        assert ok(person.post("/v1/tokens/list"))
        with service.client(token) as program:
            program.event_hooks = {"response": [checked.check]}
            assert ok(program.get("/v1/users/me"))["token"]["name"] == "prolog"
        passwords = {"old_password": body["password"], "password": "a longer password"}
        ok(person.post("/v1/users/me/password", json=passwords))
    answer = join(service, catalogue.machine(1)).json()
    ok(obtain(service, answer["worker"], answer["secret"]))


def test_a_wrong_answer_is_refused(checked: CheckedAnswers) -> None:
    request = httpx2.Request("GET", "http://bayplan.test/v1/domains/1")
    good = {"pk": 1, "name": "od", "description": ""}
    checked.check(httpx2.Response(200, json=good, request=request))
    for wrong in (good | {"description": None}, good | {"more": 1}, good | {"pk": "1"}, {"pk": 1, "name": "od"}):
        with pytest.raises(ValidationError):
            checked.check(httpx2.Response(200, json=wrong, request=request))


def test_every_answer_is_of_its_type(
    service: Service,
    checked: CheckedAnswers,
    worker: Joined,
    people: list[httpx2.Client],
    registry: Registry,
) -> None:
    for resource in catalogue.BODIES:
        resources(service, people, resource)
    what_a_worker_reads(service, worker)
    users_of_whom_others_see_the_name_alone(service, people)
    sparse_objects(service, people)
    the_actions_of_images(service, people)
    matching(service, worker, people)
    workers(service, worker, checked)
    prefetching(service, worker, people)
    registries(service, registry, people)
    the_catalogue_file(service)
    reference_data(service, people)
    history(service)
    sessions(service, checked)
    assert set(checked.types) - checked.seen == set(), "documented answers that none of these asked for"
