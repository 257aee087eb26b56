"""The eight resources beside the images: their fields, the six actions that all have, and who may do what."""

import itertools
from typing import Any

import pytest

from tests import catalogue
from tests.answers import refused
from tests.conftest import Service

Null = type(None)
FIELDS: dict[str, dict[str, tuple[type, ...]]] = {
    "cuda": {"pk": (int,), "version": (str,), "full_version": (str,), "min_driver_version": (str, Null)},
    "hardware": {
        "pk": (int,),
        "generation": (str,),
        "min_compute_capability": (float,),
        "max_compute_capability": (float,),
    },
    "frameworks": {"pk": (int,), "name": (str,), "version": (str,)},
    "domains": {"pk": (int,), "name": (str,), "description": (str,)},
    "licences": {
        "pk": (int,),
        "name": (str,),
        "url": (str,),
        "domains": (list,),
        "permissions": (list,),
        "limitations": (list,),
        "conditions": (list,),
    },
    "users": {
        "pk": (int,),
        "username": (str,),
        "first_name": (str,),
        "last_name": (str,),
        "email": (str,),
        "is_active": (bool,),
        "is_staff": (bool,),
        "date_joined": (str,),
        "last_login": (str, Null),
    },
    "nodes": {
        "pk": (int,),
        "ip": (str,),
        "index": (int,),
        "cpu_mem": (int, Null),
        "driver_version": (str, Null),
        "hardware_generation": (int, Null),
        "gpu_mem": (int, Null),
        "last_seen": (str, Null),
        "compute_capability": (str, Null),
        "gpu_name": (str, Null),
        "gpu_brand": (str, Null),
        "architecture": (str, Null),
        "runtime_mode": (str, Null),
        "toolkit_version": (str, Null),
        "fabric_ready": (bool, Null),
        "accelerator": (str, Null),
        "target": (str, Null),
        "driver_cuda_version": (str, Null),
        "cdi_driver_version": (str, Null),
        "l4t_version": (str, Null),
        "wsl": (bool, Null),
        "mig_profile": (str, Null),
        "vgpu_licensed": (bool, Null),
        "kernel_version": (str, Null),
        "shared_memory_bytes": (int, Null),
        "hostname": (str, Null),
        "labels": (dict,),
    },
    "prefetch": {
        "pk": (int,),
        "name": (str,),
        "nodes": (dict,),
        "images": (dict,),
        "creator": (int,),
        "creation_time": (str,),
    },
}
RESOURCES = tuple(FIELDS)
ALL = (*RESOURCES, "docker")


def as_specified(resource: str, answered: dict[str, Any]) -> dict[str, Any]:
    """Asserts the exact fields and their types; gives the object."""
    assert list(answered) == list(FIELDS[resource])
    for name, types in FIELDS[resource].items():
        assert type(answered[name]) in types, f"{name} is {answered[name]!r}"
    return answered


@pytest.mark.parametrize("resource", RESOURCES)
def test_the_six_actions_answer_with_exactly_the_specified_fields(service: Service, resource: str) -> None:
    body = catalogue.BODIES[resource]()
    created = service.staff.post(f"/v1/{resource}/create", json=body)
    assert created.status_code == 201
    made = as_specified(resource, created.json())
    assert made.items() >= {key: value for key, value in body.items() if key != "password"}.items()
    path = f"/v1/{resource}/{made['pk']}"
    assert service.staff.get(path).json() == made
    assert made in [as_specified(resource, item) for item in service.staff.post(f"/v1/{resource}/list").json()]
    other = catalogue.BODIES[resource]()
    replaced = service.staff.put(path, json=other)
    assert replaced.status_code == 200
    assert (
        as_specified(resource, replaced.json()).items() >= {k: v for k, v in other.items() if k != "password"}.items()
    )
    patched = service.staff.patch(path, json={})
    assert (patched.status_code, patched.json()) == (200, replaced.json())
    deleted = service.staff.delete(path)
    assert (deleted.status_code, deleted.content) == (204, b"")


@pytest.mark.parametrize("resource", RESOURCES)
def test_each_field_can_be_changed_alone(shared: Service, resource: str) -> None:
    made = shared.make(resource)
    other = catalogue.BODIES[resource]()
    dependent = {"min_compute_capability", "max_compute_capability", "version", "full_version"} & set(other)
    dependent = dependent if resource in ("hardware", "cuda") else set()
    changes = [{field: value} for field, value in other.items() if field not in dependent | {"password"}]
    changes += [{field: other[field] for field in dependent}]
    for change in changes:
        answer = shared.staff.patch(f"/v1/{resource}/{made['pk']}", json=change)
        assert answer.status_code == 200, answer.text
        made |= change
        assert answer.json() == made


@pytest.mark.parametrize("resource", RESOURCES)
def test_unknown_fields_are_refused_by_name(shared: Service, resource: str) -> None:
    made = shared.make(resource)
    body = catalogue.BODIES[resource]() | {"colour": "red"}
    for method, path in (("POST", "create"), ("PUT", made["pk"]), ("PATCH", made["pk"])):
        refused(shared.staff.request(method, f"/v1/{resource}/{path}", json=body), 422, "unknown_field", "colour")
    body = catalogue.BODIES[resource]() | {"pk": made["pk"]}
    refused(shared.staff.post(f"/v1/{resource}/create", json=body), 422, field="pk")


@pytest.mark.parametrize("resource", RESOURCES)
def test_no_such_pk_is_404(shared: Service, resource: str) -> None:
    path = f"/v1/{resource}/999999"
    for method, body in (("GET", None), ("DELETE", None), ("PUT", catalogue.BODIES[resource]()), ("PATCH", {})):
        refused(shared.staff.request(method, path, json=body), 404, code="not_found")


UNIQUE = (
    ("cuda", ("full_version",)),
    ("hardware", ("generation",)),
    ("frameworks", ("name", "version")),
    ("domains", ("name",)),
    ("licences", ("name",)),
    ("users", ("username",)),
    ("nodes", ("ip", "index")),
    ("prefetch", ("name",)),
)


@pytest.mark.parametrize(("resource", "fields"), UNIQUE)
def test_what_has_to_be_unique_is(shared: Service, resource: str, fields: tuple[str, ...]) -> None:
    first, second = catalogue.BODIES[resource](), shared.make(resource)
    assert shared.staff.post(f"/v1/{resource}/create", json=first).status_code == 201
    same = catalogue.BODIES[resource]() | {field: first[field] for field in fields}
    if resource == "cuda":
        same["version"] = first["version"]
    path = f"/v1/{resource}/{second['pk']}"
    for method, where in (("POST", f"/v1/{resource}/create"), ("PUT", path)):
        refused(shared.staff.request(method, where, json=same), 409, code="duplicate")
    assert shared.staff.get(path).json() == second


WRITES = (("POST", "create"), ("PUT", "{pk}"), ("PATCH", "{pk}"), ("DELETE", "{pk}"))
READS = (("POST", "list"), ("GET", "{pk}"))


@pytest.mark.parametrize(("resource", "call"), tuple(itertools.product(ALL, WRITES)), ids=str)
def test_only_staff_write(shared: Service, resource: str, call: tuple[str, str]) -> None:
    made = shared.make(resource)
    method, path = call[0], f"/v1/{resource}/{call[1].format(**made)}"
    body = None if method == "DELETE" else catalogue.BODIES[resource]()
    refused(shared.user.request(method, path, json=body), 403, code="forbidden")
    refused(shared.anonymous.request(method, path, json=body), 401, code="unauthenticated")
    assert shared.staff.get(f"/v1/{resource}/{made['pk']}").json() == made


@pytest.mark.parametrize(("resource", "call"), tuple(itertools.product(ALL, READS)), ids=str)
def test_everyone_logged_in_may_read_and_nobody_else(shared: Service, resource: str, call: tuple[str, str]) -> None:
    if resource == "users":
        pytest.skip("users are read by staff and by themselves: test_users")
    made = shared.make(resource)
    path = f"/v1/{resource}/{call[1].format(**made)}"
    assert shared.user.request(call[0], path).json() == shared.staff.request(call[0], path).json()
    refused(shared.anonymous.request(call[0], path), 401, code="unauthenticated")


EXTRAS: tuple[tuple[str, str, dict[str, Any] | None, int], ...] = (
    ("POST", "/v1/docker/match", {"worker": {}}, 200),
    ("GET", "/v1/docker/{image}/nodes", None, 200),
    ("GET", "/v1/docker/{image}/facts", None, 200),
    ("GET", "/v1/docker/{image}/lifecycle", None, 200),
    ("PATCH", "/v1/docker/{image}/lifecycle", {"deprecated": True}, 403),
    ("GET", "/v1/nodes/{node}/images", None, 200),
    ("GET", "/v1/hardware/get-hardware-generation/8.6", None, 200),
    ("PATCH", "/v1/docker/{image}/facts", {"min_driver": "570.0"}, 403),
    ("PATCH", "/v1/licences/1/subdescriptors", {"method": "add", "type": "domains", "names": ["x"]}, 403),
    ("POST", "/v1/catalogue/apply", {}, 403),
    ("GET", "/v1/catalogue/export", None, 403),
)


@pytest.mark.parametrize(("method", "path", "body", "status"), EXTRAS)
def test_other_questions_are_everyones_and_other_changes_are_staffs(
    shared: Service, method: str, path: str, body: object, status: int
) -> None:
    where = path.format(image=shared.make("docker")["pk"], node=shared.make("nodes")["pk"])
    answer = shared.user.request(method, where, json=body)
    assert answer.status_code == status, answer.text
    answer = shared.staff.request(method, where, json=body)
    assert answer.status_code == 200, answer.text
    refused(shared.anonymous.request(method, where, json=body), 401, code="unauthenticated")


WRONG: tuple[tuple[str, dict[str, object], str], ...] = (
    ("cuda", {"version": "twelve"}, "version"),
    ("cuda", {"version": ""}, "version"),
    ("cuda", {"full_version": "12.x"}, "full_version"),
    ("cuda", {"version": "200.1", "full_version": "300.1.1"}, "full_version"),
    ("cuda", {"min_driver_version": "new"}, "min_driver_version"),
    ("cuda", {"version": 12.4}, "version"),
    ("frameworks", {"name": ""}, "name"),
    ("frameworks", {"name": "n" * 201}, "name"),
    ("frameworks", {"version": None}, "version"),
    ("domains", {"name": ""}, "name"),
    ("domains", {"name": 5}, "name"),
    ("licences", {"name": ""}, "name"),
    ("licences", {"permissions": "all"}, "permissions"),
    ("licences", {"permissions": [1]}, "permissions"),
    ("licences", {"url": 5}, "url"),
    ("users", {"username": ""}, "username"),
    ("users", {"is_staff": "yes"}, "is_staff"),
    ("users", {"password": ""}, "password"),
    ("users", {"date_joined": "2024-01-01T00:00:00Z"}, "date_joined"),
    ("users", {"last_login": None}, "last_login"),
    ("users", {"password_hash": "x"}, "password_hash"),
    ("nodes", {"index": -1}, "index"),
    ("nodes", {"index": 1.5}, "index"),
    ("nodes", {"index": 2**63}, "index"),
    ("nodes", {"cpu_mem": -1}, "cpu_mem"),
    ("nodes", {"cpu_mem": 2**63}, "cpu_mem"),
    ("nodes", {"gpu_mem": "48 GB"}, "gpu_mem"),
    ("nodes", {"driver_version": "newest"}, "driver_version"),
    ("nodes", {"compute_capability": "eight"}, "compute_capability"),
    ("nodes", {"compute_capability": 8.6}, "compute_capability"),
    ("nodes", {"ip": ""}, "ip"),
    ("nodes", {"ip": "two words"}, "ip"),
    ("nodes", {"hardware_generation": "Ampre"}, "hardware_generation"),
    ("nodes", {"runtime_mode": "magic"}, "runtime_mode"),
    ("nodes", {"fabric_ready": "yes"}, "fabric_ready"),
    ("prefetch", {"name": ""}, "name"),
    ("prefetch", {"images": None}, "images"),
    ("prefetch", {"nodes": []}, "nodes"),
    ("prefetch", {"images": {"include_inactive": True}}, "images"),
    ("prefetch", {"creation_time": "2024-01-01T00:00:00Z"}, "creation_time"),
)


@pytest.mark.parametrize(("resource", "changes", "field"), WRONG, ids=str)
def test_a_wrong_value_is_refused_and_its_field_named(
    shared: Service, resource: str, changes: dict[str, object], field: str
) -> None:
    body = refused(shared.staff.post(f"/v1/{resource}/create", json=catalogue.BODIES[resource](**changes)), 422)
    assert field in {part["field"].split(".")[0] for part in body["errors"]}, body


SHIPPED = (
    ("domains", {"name": "ic", "description": "Image Classification"}),
    ("domains", {"name": "is", "description": "Image Segmentation"}),
    ("domains", {"name": "od", "description": "Object Detection"}),
    ("domains", {"name": "sc"}),
    ("domains", {"name": "sp"}),
    ("cuda", {"version": "12.4", "full_version": "12.4.1", "min_driver_version": "550.54.15"}),
    ("cuda", {"version": "7.0"}),
    ("cuda", {"version": "13.0"}),
    ("hardware", {"generation": "Ampere", "min_compute_capability": 8.0, "max_compute_capability": 8.9}),
    ("hardware", {"generation": "Fermi"}),
    ("hardware", {"generation": "Rubin"}),
    ("licences", {"name": "MIT License"}),
)


@pytest.mark.parametrize(("resource", "expected"), SHIPPED, ids=str)
def test_the_reference_tables_are_there_from_the_first_start(
    shared: Service, resource: str, expected: dict[str, object]
) -> None:
    items = shared.user.post(f"/v1/{resource}/list").json()
    assert any(item.items() >= expected.items() for item in items)


@pytest.mark.parametrize(("resource", "least"), [("cuda", 60), ("hardware", 11), ("licences", 20), ("domains", 5)])
def test_the_reference_tables_are_long_enough(shared: Service, resource: str, least: int) -> None:
    assert len(shared.user.post(f"/v1/{resource}/list").json()) >= least
