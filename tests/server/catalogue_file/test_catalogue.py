"""A whole catalogue as one document: applied, all of it or nothing, and read out again."""

from typing import Any

import pytest

from tests import catalogue
from tests.answers import refused
from tests.conftest import Service

APPLY, EXPORT = "/v1/catalogue/apply", "/v1/catalogue/export"
JAX = {"name": "JAX", "version": "0.4.30"}


def image(name: str, **changes: object) -> dict[str, Any]:
    """An image's entry in a document."""
    body = {
        "name": name,
        "version": "1.0",
        "url": f"registry.example.org/team/{name}:1.0",
        "registry": "registry.example.org",
        "cuda_version": "12.4.1",
        "min_hardware_generation": "Pascal",
        "framework": "JAX 0.4.30",
        "domain": "od",
        "tasks": ["train"],
        "licence": "Apache-2.0",
    }
    return body | changes


def document() -> dict[str, Any]:
    """A small catalogue."""
    return {
        "frameworks": [JAX],
        "images": [image("one", facts={"min_driver": "550.54.15"}), image("two", tasks=["train", "predict"])],
        "nodes": [
            {
                "ip": "192.0.2.1",
                "driver_version": "550.54.15",
                "compute_capability": "8.6",
                "hardware_generation": None,  # found from the capability, the second time too
            }
        ],
    }


def apply(service: Service, content: object, query: str = "", **headers: str) -> dict[str, Any]:
    """What applying the document changed."""
    answer = service.staff.post(f"{APPLY}{query}", json=content, headers=headers)
    assert answer.status_code == 200, answer.text
    plan: dict[str, Any] = answer.json()
    assert set(plan) == {"changes", "unchanged", "applied", "version"}
    assert all(set(change) == {"action", "resource", "key", "pk", "fields"} for change in plan["changes"])
    return plan


def done(plan: dict[str, Any]) -> list[tuple[str, str, str]]:
    """Each change in short."""
    return [(change["action"], change["resource"], change["key"]) for change in plan["changes"]]


def test_a_document_is_applied_and_a_second_time_there_is_nothing_to_do(service: Service) -> None:
    plan = apply(service, document())
    assert done(plan) == [
        ("add", "frameworks", "JAX 0.4.30"),
        ("add", "images", "one 1.0"),
        ("add", "images", "two 1.0"),
        ("add", "nodes", "192.0.2.1#0"),
    ]
    assert plan["applied"]
    again = apply(service, document())
    assert (again["changes"], again["unchanged"], again["version"]) == ([], 4, plan["version"])
    facts = service.staff.get(f"/v1/docker/{plan['changes'][1]['pk']}/facts").json()
    assert facts["min_driver"] == {"value": "550.54.15", "origin": "staff"}


def test_a_dry_run_says_the_same_and_does_nothing(service: Service) -> None:
    before = service.staff.get(EXPORT).json()
    dry = apply(service, document(), "?dry_run=true")
    assert not dry["applied"]
    assert service.staff.get(EXPORT).json() == before
    assert done(apply(service, document())) == done(dry)


def test_changes_are_reported_by_field_and_fields_not_in_the_file_stay(service: Service) -> None:
    apply(service, document())
    changed = image("one", cuda_version="12.2.0", registry_username="robot", registry_password="s3cret-pw")
    plan = apply(service, {"images": [changed | {"facts": {"min_driver": "560.0", "disable_require": True}}]})
    fields = plan["changes"][0]["fields"]
    assert fields["cuda_version"] == {"from": "12.4.1", "to": "12.2.0"}
    assert fields["registry_password"] == {"from": None, "to": "(changed)"}
    assert fields["facts.min_driver"] == {"from": "550.54.15", "to": "560.0"}
    assert set(fields) == {
        "cuda_version", "registry_username", "registry_password", "facts.min_driver", "facts.disable_require"
    }  # fmt: skip
    without = {key: value for key, value in changed.items() if not key.startswith("registry_")}
    assert apply(service, {"images": [without]})["changes"] == []
    stored = service.staff.get(f"/v1/docker/{plan['changes'][0]['pk']}").json()
    assert stored["registry_password"] == "s3cret-pw"


def test_lifecycles_come_with_the_images_of_a_document_and_name_one_another(service: Service) -> None:
    old = image("old", lifecycle={"deprecated": True, "since": "2026-01-02", "why": "old", "successor": "new:1.0"})
    plan = apply(service, {"frameworks": [JAX], "images": [old, image("new")]})
    assert done(plan)[1:] == [("add", "images", "old 1.0"), ("add", "images", "new 1.0")]
    pks = {change["key"]: change["pk"] for change in plan["changes"]}
    exported = service.staff.get(EXPORT).json()
    assert [entry.get("lifecycle") for entry in exported["images"]] == [old["lifecycle"], None]
    assert apply(service, exported)["changes"] == []
    # The other way round, and one alone: what a document does not mention stays.
    turned = [
        image("old", lifecycle={"deprecated": False}),
        image("new", lifecycle={"deprecated": True, "successor": pks["old 1.0"]}),
    ]
    fields = [change["fields"] for change in apply(service, {"images": turned})["changes"]]
    assert fields[0]["lifecycle.successor"] == {"from": "new:1.0", "to": None}
    assert fields[1]["lifecycle.successor"] == {"from": None, "to": "old:1.0"}
    plan = apply(service, {"images": [image("old"), image("new", lifecycle={"deprecated": True, "why": "x"})]})
    assert (plan["changes"][0]["fields"], plan["unchanged"]) == ({"lifecycle.why": {"from": None, "to": "x"}}, 1)
    circle = [image("old", lifecycle={"deprecated": True, "successor": "new 1.0"})]
    problem = refused(service.staff.post(APPLY, json={"images": circle}), 409, "successors_in_circle")
    assert [part["field"] for part in problem["errors"]] == ["images.0.lifecycle.successor"]
    unknown = [image("new", lifecycle={"deprecated": True, "successor": "old 1.00"})]
    problem = refused(service.staff.post(APPLY, json={"images": unknown}), 422, "unknown_reference")
    assert problem["errors"][0]["field"] == "images.0.lifecycle.successor"
    # A successor that the document removes is none.
    gone = [image("new", lifecycle={"deprecated": True, "successor": "old:1.0"})]
    refused(service.staff.post(f"{APPLY}?prune=true", json={"images": gone}), 422, "unknown_reference")


def test_prune_removes_what_the_sections_of_the_document_do_not_name(service: Service) -> None:
    apply(service, document())
    only = {"frameworks": [JAX], "images": [image("one")]}
    plan = apply(service, only, "?prune=true")
    assert ("remove", "images", "two 1.0") in done(plan)
    assert ("remove", "frameworks", "PyTorch 2.4") in done(plan)
    assert not any(change["resource"] == "nodes" for change in plan["changes"])
    removed = next(change["pk"] for change in plan["changes"] if change["key"] == "two 1.0")
    assert service.staff.get(f"/v1/docker/{removed}").json()["deletion_time"] is not None


def test_an_image_is_pruned_together_with_its_framework_which_stays_until_the_image_is_gone_for_good(
    service: Service,
) -> None:
    apply(service, document())
    nothing: dict[str, Any] = {"frameworks": [], "images": []}
    plan = apply(service, nothing, "?prune=true")
    assert done(plan) == [
        ("remove", "images", "one 1.0"),
        ("remove", "images", "two 1.0"),
        ("remove", "frameworks", "PyTorch 2.4"),
    ]
    assert apply(service, nothing, "?prune=true")["changes"] == []
    for change in plan["changes"][:2]:
        assert service.staff.delete(f"/v1/docker/{change['pk']}/hard").status_code == 200
    assert done(apply(service, nothing, "?prune=true")) == [("remove", "frameworks", "JAX 0.4.30")]


def test_what_an_image_still_uses_is_not_pruned_and_then_nothing_is(service: Service) -> None:
    apply(service, document())
    before = service.staff.get(EXPORT).json()
    body = refused(service.staff.post(f"{APPLY}?prune=true", json={"frameworks": [], "nodes": []}), 409, code="in_use")
    assert "'JAX 0.4.30' is not in the document" in body["detail"]
    assert "2 docker images" in body["detail"]
    assert service.staff.get(EXPORT).json() == before


def test_every_problem_is_reported_at_its_place_and_nothing_is_stored(service: Service) -> None:
    before = service.staff.get(EXPORT).json()
    content = document()
    content["images"] += [
        image("three", framework="JAX 9"),
        image("four", cuda_version=None),
        image("one"),
        image("five", registry="other.example.org", licence="No Such Licence"),
    ]
    body = refused(service.staff.post(APPLY, json=content), 422)
    assert {part["field"] for part in body["errors"]} == {
        "images.2.framework", "images.3.cuda_version", "images.4", "images.5.licence"
    }  # fmt: skip
    assert service.staff.get(EXPORT).json() == before


@pytest.mark.parametrize(
    ("content", "field"),
    [
        ({"pictures": []}, "pictures"),
        ({"images": {}}, "images"),
        ({"images": [image("one", colour="red")]}, "images.0.colour"),
        ({"images": [image("one", facts={"colour": "red"})]}, "images.0.facts.colour"),
        ({"nodes": [{"ip": "192.0.2.1", "gpu_mem": "much"}]}, "nodes.0.gpu_mem"),
    ],
    ids=str,
)
def test_what_is_no_document_is_refused_by_name(shared: Service, content: object, field: str) -> None:
    refused(shared.staff.post(APPLY, json=content), 422, field=field)


def test_what_was_shown_is_what_is_applied_or_nothing(service: Service) -> None:
    shown_version = apply(service, document(), "?dry_run=true")["version"]
    service.make("frameworks")
    refused(service.staff.post(APPLY, json=document(), headers={"If-Match": f'"{shown_version}"'}), 412)
    shown_version = apply(service, document(), "?dry_run=true")["version"]
    assert len(apply(service, document(), **{"If-Match": f'"{shown_version}"'})["changes"]) == 4
    refused(service.staff.post(APPLY, json=document(), headers={"If-Match": f'W/"{shown_version}-gzip"'}), 412)
    shown_version = apply(service, document(), "?dry_run=true")["version"]
    assert apply(service, document(), **{"If-Match": f'"0", W/"{shown_version}-gzip"'})["changes"] == []


def test_an_export_applied_again_changes_nothing_and_makes_the_same_catalogue_elsewhere(service: Service) -> None:
    apply(service, document())
    service.make("docker", registry_username="robot", registry_password="s3cret-pw", licence="MIT")
    plain, whole = service.staff.get(EXPORT), service.staff.get(f"{EXPORT}?secrets=true")
    assert "s3cret-pw" not in plain.text
    assert "s3cret-pw" in whole.text
    for content in (plain.json(), whole.json()):
        assert apply(service, content, "?prune=true")["changes"] == []


def test_a_licence_that_has_another_ones_short_name_is_not_taken_for_it(service: Service) -> None:
    old = service.make("docker", licence="MIT")
    new = service.make("docker", licence=service.make("licences", name="MIT")["pk"])
    content = service.staff.get(EXPORT).json()
    assert apply(service, content)["changes"] == []
    assert [entry["licence"] for entry in content["images"]] == ["MIT License", "MIT"]
    assert old["licence"] != new["licence"]


def test_a_whole_catalogue_may_be_larger_than_other_bodies(service: Service) -> None:
    limit = service.settings.max_body_bytes
    size = limit // 1_000 + 10
    frameworks = [{"name": f"{number:->150}", "version": "x" * 150} for number in range(size)]
    content = {"frameworks": frameworks * 3}
    refused(service.staff.post(APPLY, json=content), 422, code="duplicate")
    refused(service.staff.post(APPLY, json={"frameworks": frameworks * 40}), 413)
    body = catalogue.image(name="x" * limit)
    refused(service.staff.post("/v1/docker/create", json=body), 413)


def test_only_staff_apply_and_export(shared: Service) -> None:
    refused(shared.user.post(APPLY, json={}), 403)
    refused(shared.user.get(EXPORT), 403)
    refused(shared.anonymous.get(EXPORT), 401)


@pytest.mark.parametrize("number", [299, 300, 301, 650])
def test_an_export_of_many_images_has_each_once_in_their_order(service: Service, number: int) -> None:
    names = [f"image-{index}" for index in range(number)]
    images = [catalogue.image(name=name, version="1") for name in names]
    service.staff.post("/v1/catalogue/apply", json={"images": images}).raise_for_status()
    last = service.staff.post("/v1/docker/list").json()[-1]["pk"]
    service.staff.patch(f"/v1/docker/{last}/facts", json={"compiles_at_runtime": True}).raise_for_status()
    document = service.staff.get("/v1/catalogue/export").json()
    assert [image["name"] for image in document["images"]] == names
    assert [image.get("facts") for image in document["images"]] == [None] * (number - 1) + [
        {"compiles_at_runtime": "ptx"}
    ]
    plan = service.staff.post("/v1/catalogue/apply", json=document).json()
    assert (plan["changes"], plan["unchanged"]) == ([], sum(len(section) for section in document.values()))
