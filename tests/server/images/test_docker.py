"""docker.md, word for word: the six actions on images, their fields and the types of these."""

from datetime import UTC, datetime
from typing import Any

import httpx2
import pytest

from tests import catalogue
from tests.answers import refused, timestamp
from tests.catalogue import DOCKER_FIELDS, SERVERS_OWN, WRITABLE
from tests.conftest import Service

ROUTES = (("POST", "create"), ("PUT", "{pk}"), ("PATCH", "{pk}"), ("GET", "{pk}"))


def as_specified(answered: dict[str, Any]) -> dict[str, Any]:
    """Asserts that an image has exactly the specified fields with the specified types; gives it."""
    assert list(answered) == list(DOCKER_FIELDS)
    for name, types in DOCKER_FIELDS.items():
        assert type(answered[name]) in types, f"{name} is {answered[name]!r}"
    assert all(type(task) is str for task in answered["tasks"])
    timestamp(answered["creation_time"])
    return answered


@pytest.fixture
def made(service: Service) -> dict[str, Any]:
    """An image, as answered when it was made."""
    return service.make("docker")


def test_create_answers_201_with_exactly_the_specified_fields(staff: httpx2.Client) -> None:
    answer = staff.post("/v1/docker/create", json=catalogue.image())
    assert answer.status_code == 201
    as_specified(answer.json())


def test_create_gives_back_what_was_sent(staff: httpx2.Client) -> None:
    body = catalogue.image(
        cuda_version=None,
        min_hardware_generation=None,
        cpu=True,
        registry_username="robot",
        registry_password="s3cret",
        tasks=["Train", "fine-tune_2"],
    )
    made = staff.post("/v1/docker/create", json=body).json()
    assert {name: made[name] for name in set(WRITABLE) - {"framework", "licence"}} == {
        name: body[name] for name in set(WRITABLE) - {"framework", "licence"}
    }


def test_references_are_answered_as_ids_and_the_domain_as_its_name(service: Service) -> None:
    made = service.make("docker")
    for field, resource, key, value in (
        ("cuda_version", "cuda", "full_version", "12.4.1"),
        ("min_hardware_generation", "hardware", "generation", "Pascal"),
        ("framework", "frameworks", "version", "2.4"),
        ("licence", "licences", "name", "MIT License"),
        ("creator", "users", "username", "admin"),
    ):
        assert service.staff.get(f"/v1/{resource}/{made[field]}").json()[key] == value
    assert made["domain"] == "od"


def test_the_server_says_who_made_an_image_and_when(staff: httpx2.Client) -> None:
    before = datetime.now(UTC).replace(microsecond=0)
    made = staff.post("/v1/docker/create", json=catalogue.image()).json()
    assert before <= datetime.fromisoformat(made["creation_time"]) <= datetime.now(UTC)
    assert made["deletion_time"] is None
    assert made["pk"] > 0


def test_load_answers_what_create_answered(staff: httpx2.Client, made: dict[str, Any]) -> None:
    answer = staff.get(f"/v1/docker/{made['pk']}")
    assert answer.status_code == 200
    assert as_specified(answer.json()) == made


def test_list_is_an_array_of_such_objects(service: Service, made: dict[str, Any]) -> None:
    second = service.make("docker")
    answer = service.staff.post("/v1/docker/list")
    assert answer.status_code == 200
    assert [as_specified(image) for image in answer.json()] == [made, second]


def test_an_empty_catalogue_is_an_empty_list(staff: httpx2.Client) -> None:
    assert staff.post("/v1/docker/list").json() == []


def test_update_replaces_every_field(staff: httpx2.Client, made: dict[str, Any]) -> None:
    body = catalogue.image(
        name="renamed", cuda_version=None, min_hardware_generation=None, cpu=True, domain="ic", tasks=["export"]
    )
    answer = staff.put(f"/v1/docker/{made['pk']}", json=body)
    assert answer.status_code == 200
    changed = as_specified(answer.json())
    for field in ("name", "version", "url", "cuda_version", "min_hardware_generation", "cpu", "domain", "tasks"):
        assert changed[field] == body[field]
    assert {field: changed[field] for field in SERVERS_OWN} == {field: made[field] for field in SERVERS_OWN}
    assert staff.get(f"/v1/docker/{made['pk']}").json() == changed


PATCHES = (
    ("name", "another"),
    ("version", "2"),
    ("url", "registry.example.com/other:2"),
    ("cpu", True),
    ("domain", "ic"),
    ("tasks", ["export"]),
    ("registry", "registry.example.com"),
)


@pytest.mark.parametrize(("field", "value"), PATCHES)
def test_a_partial_update_changes_the_field_that_it_names_and_no_other(
    shared: Service, field: str, value: object
) -> None:
    made = shared.make("docker")
    if field == "name":
        value = f"another-{made['pk']}"
    answer = shared.staff.patch(f"/v1/docker/{made['pk']}", json={field: value})
    assert answer.status_code == 200
    assert as_specified(answer.json()) == made | {field: value}


def test_a_partial_update_of_nothing_changes_nothing(staff: httpx2.Client, made: dict[str, Any]) -> None:
    answer = staff.patch(f"/v1/docker/{made['pk']}", json={})
    assert answer.status_code == 200
    assert answer.json() == made


@pytest.mark.parametrize("method", ["PUT", "PATCH"])
def test_an_image_answered_can_be_sent_back_without_what_is_the_servers(shared: Service, method: str) -> None:
    made = shared.make("docker", registry_username="robot", registry_password="s3cret")
    body = {field: made[field] for field in WRITABLE}
    answer = shared.staff.request(method, f"/v1/docker/{made['pk']}", json=body)
    assert answer.status_code == 200
    assert answer.json() == made


def test_delete_answers_204_with_nothing(staff: httpx2.Client, made: dict[str, Any]) -> None:
    answer = staff.delete(f"/v1/docker/{made['pk']}")
    assert (answer.status_code, answer.content) == (204, b"")


@pytest.mark.parametrize("field", SERVERS_OWN)
@pytest.mark.parametrize(("method", "path"), ROUTES[:3])
def test_what_is_the_servers_is_refused_in_a_body(shared: Service, method: str, path: str, field: str) -> None:
    made = shared.make("docker")
    body = catalogue.image() | {field: made[field]}
    refused(shared.staff.request(method, "/v1/docker/" + path.format(**made), json=body), 422, field=field)


@pytest.mark.parametrize(("method", "path"), ROUTES[:3])
def test_an_unknown_field_is_refused_by_name(shared: Service, method: str, path: str) -> None:
    made = shared.make("docker")
    body = catalogue.image() | {"colour": "red"}
    answer = shared.staff.request(method, "/v1/docker/" + path.format(**made), json=body)
    refused(answer, 422, code="unknown_field", field="colour")


@pytest.mark.parametrize("field", ["name", "version", "url", "tasks"])
def test_a_missing_field_is_named(shared: Service, field: str) -> None:
    made = shared.make("docker")
    body = catalogue.image()
    del body[field]
    refused(shared.staff.post("/v1/docker/create", json=body), 422, field=field)
    refused(shared.staff.put(f"/v1/docker/{made['pk']}", json=body), 422, field=field)


WRONG: tuple[tuple[str, Any], ...] = (
    ("name", ""),
    ("name", "x" * 201),
    ("name", "two\nlines"),
    ("name", "bell\x07"),
    ("name", 7),
    ("name", None),
    ("version", ""),
    ("version", "v" * 201),
    ("version", "tab\t"),
    ("version", 1.5),
    ("cpu", "yes"),
    ("cpu", 1),
    ("cpu", None),
    ("tasks", []),
    ("tasks", "train"),
    ("tasks", ["train", ""]),
    ("tasks", ["two words"]),
    ("tasks", ["train", 3]),
    ("tasks", None),
    ("cuda_version", 4.5),
    ("cuda_version", True),
    ("cuda_version", []),
    ("cuda_version", {}),
    ("cuda_version", "99.9"),
    ("cuda_version", 999999),
    ("cuda_version", -1),
    ("cuda_version", 2**63),
    ("min_hardware_generation", "Ampre"),
    ("min_hardware_generation", 999999),
    ("framework", "PyTorch 0.0.0"),
    ("framework", 9999),
    ("framework", True),
    ("domain", "nowhere"),
    ("domain", 1.5),
    ("licence", "no such licence"),
    ("licence", 999999),
    ("registry", "not a host"),
    ("registry", "ftp://registry.example.com"),
    ("url", ""),
    ("url", None),
)


@pytest.mark.parametrize(("field", "value"), WRONG)
def test_a_wrong_value_is_refused_and_its_field_named(shared: Service, field: str, value: object) -> None:
    count = len(shared.staff.post("/v1/docker/list").json())
    answer = shared.staff.post("/v1/docker/create", json=catalogue.image(**{field: value}))
    body = refused(answer, 422)
    assert any(part["field"].split(".")[0] == field for part in body["errors"]), body
    assert len(shared.staff.post("/v1/docker/list").json()) == count


@pytest.mark.parametrize("field", ["cuda_version", "min_hardware_generation", "framework", "domain", "licence"])
def test_an_unknown_reference_has_its_own_code(shared: Service, field: str) -> None:
    answer = shared.staff.post("/v1/docker/create", json=catalogue.image(**{field: "nothing of the kind"}))
    refused(answer, 422, code="unknown_reference", field=field)


def test_a_framework_is_named_by_the_grammar_of_matches(shared: Service) -> None:
    shared.make("frameworks", name="PyTorch", version="2.4.1")
    expected = shared.make("docker", framework="PyTorch 2.4")["framework"]
    for text in ("torch 2.4", "pytorch:2.4", "PyTorch==2.4", "py-torch@2.4", "PYTORCH 2.4"):
        assert shared.make("docker", framework=text)["framework"] == expected


@pytest.mark.parametrize(
    ("field", "value", "nearest"),
    [
        ("framework", "pytorch>=2", "PyTorch 2.4"),
        ("framework", "torch", "PyTorch 2.4"),
        ("framework", "PyTorhc 2.4", "PyTorch 2.4"),
        ("domain", "odd", "od"),
        ("min_hardware_generation", "Amper", "Ampere"),
        ("cuda_version", "12.44", "12.4.1"),
        ("licence", "MIT Lisense", "MIT License"),
    ],
)
def test_a_name_that_there_is_not_leads_to_the_nearest(shared: Service, field: str, value: str, nearest: str) -> None:
    answer = shared.staff.post("/v1/docker/create", json=catalogue.image(**{field: value}))
    body = refused(answer, 422, code="unknown_reference", field=field)
    assert f"named '{value}'; did you mean " in body["detail"]
    assert nearest in body["detail"]


def test_the_longest_and_shortest_names_are_taken(shared: Service) -> None:
    for name in ("ü", "x" * 200):
        assert shared.make("docker", name=name)["name"] == name


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"cuda_version": None}, "cuda_version"),
        ({"cuda_version": "0.0"}, "cuda_version"),
        ({"min_hardware_generation": None}, "min_hardware_generation"),
    ],
)
def test_only_an_image_for_cpus_may_say_nothing_of_gpus(
    shared: Service, changes: dict[str, object], field: str
) -> None:
    refused(shared.staff.post("/v1/docker/create", json=catalogue.image(**changes)), 422, field=field)
    assert shared.make("docker", cpu=True, **changes)[field] is None
    made = shared.make("docker")
    refused(shared.staff.patch(f"/v1/docker/{made['pk']}", json=changes), 422, field=field)
    assert shared.staff.get(f"/v1/docker/{made['pk']}").json() == made


def test_name_and_version_are_unique_together(shared: Service) -> None:
    first = shared.make("docker", name="taken", version="1")
    same = catalogue.image(name="taken", version="1")
    refused(shared.staff.post("/v1/docker/create", json=same), 409, code="duplicate")
    second = shared.make("docker", name="taken", version="2")
    refused(shared.staff.put(f"/v1/docker/{second['pk']}", json=same), 409, code="duplicate")
    refused(shared.staff.patch(f"/v1/docker/{second['pk']}", json={"version": "1"}), 409, code="duplicate")
    unchanged = shared.staff.put(f"/v1/docker/{first['pk']}", json=same)
    assert unchanged.status_code == 200


def test_tasks_are_a_set_without_regard_to_case_given_back_as_first_written(shared: Service) -> None:
    assert shared.make("docker", tasks=["Train", "train", "Predict", "TRAIN"])["tasks"] == ["Train", "Predict"]


@pytest.mark.parametrize("method", ["GET", "PUT", "PATCH", "DELETE"])
@pytest.mark.parametrize("pk", ["999999", "0", "-1", "99999999999999999999999"])
def test_no_such_pk_is_404(shared: Service, method: str, pk: str) -> None:
    body = None if method in ("GET", "DELETE") else catalogue.image()
    refused(shared.staff.request(method, f"/v1/docker/{pk}", json=body), 404, code="not_found")
