"""`/v1/docker/{PK}/inspection`: made with the image's own credentials, stored, and compared with the catalogue."""

import asyncio
import sqlite3

import httpx2
import psycopg
import pytest

from tests.answers import refused
from tests.conftest import Service
from tests.inprocess import Loop
from tests.joining import joined
from tests.registry.misbehaving import Asked, Store
from tests.registry.running import Registry, configuration
from tests.server.inspections.conftest import (
    CUDA,
    TORCH,
    Body,
    for_both,
    inspected,
    made,
    place,
    pushed,
    registry_facts,
    spoiled,
)

REQUIRED = CUDA["NVIDIA_REQUIRE_CUDA"]


def test_what_a_registry_says_is_stored_and_shown(service: Service, registry: Registry) -> None:
    image = made(service, pushed(registry, "team/stored", TORCH))
    refused(service.user.get(place(image)), 404, code="not_inspected")
    inspection = inspected(service, image)
    assert inspection["reference"] == image["url"]
    assert inspection["platforms"][0]["facts"]["cuda_version"]["value"] == "12.4.1"
    answer = service.user.get(place(image))
    assert answer.json() == inspection
    assert service.user.get(place(image), headers={"If-None-Match": answer.headers["etag"]}).status_code == 304


def test_a_worker_may_read_what_it_is_to_pull(service: Service, registry: Registry) -> None:
    image = made(service, pushed(registry, "team/for-workers"))
    with joined(service) as worker:
        refused(worker.client.get(place(image)), 404, code="not_inspected")
        refused(worker.client.post(place(image)), 403)
        inspection = inspected(service, image)
        assert worker.client.get(place(image)).json() == inspection


def test_its_facts_are_the_images(service: Service, registry: Registry) -> None:
    env = TORCH | {"NVIDIA_DISABLE_REQUIRE": "1", "NV_CUDA_COMPAT_PACKAGE": "cuda-compat-12-4=550.54.15-1"}
    annotations = {"vnd.microsoft.artifact.lifecycle.end-of-life.date": "2031-01-31"}
    url = f"{registry.host}/team/facts:1"
    registry.image("team/facts", "1", configuration(env), annotations=annotations)
    image = made(service, url)
    inspected(service, image)
    # TORCH_CUDA_ARCH_LIST says what extensions were built for, not the framework itself.
    assert registry_facts(service, image) == {
        "architectures": ["amd64"],
        "requirements": {"NVIDIA_REQUIRE_CUDA": REQUIRED},
        "disable_require": True,
        "compat_package": {"cuda": "12.4", "driver": "550.54.15"},
        "compat_activation": "toolkit",
        "end_of_life": "2031-01-31",
    }


@pytest.mark.parametrize(
    ("env", "requirements"),
    [
        ({}, {}),
        ({"CUDA_VERSION": "12.4.1"}, {"CUDA_VERSION": "12.4.1"}),
        ({"CUDA_VERSION": "12.4.1", "NVIDIA_REQUIRE_CUDA": "cuda>=9.0"}, {"NVIDIA_REQUIRE_CUDA": "cuda>=9.0"}),
        (
            {"CUDA_VERSION": "12.4.1", "NVIDIA_REQUIRE_CUDA": ""},
            {"CUDA_VERSION": "12.4.1", "NVIDIA_REQUIRE_CUDA": ""},
        ),
        ({"CUDA_VERSION": "", "NVIDIA_REQUIRE_CUDA": ""}, {"NVIDIA_REQUIRE_CUDA": ""}),
    ],
)
def test_start_conditions_are_as_the_runtime_makes_them(
    service: Service, registry: Registry, env: dict[str, str], requirements: dict[str, str]
) -> None:
    image = made(service, pushed(registry, "team/conditions", env, tag=str(len(str(env)))))
    inspected(service, image)
    assert registry_facts(service, image)["requirements"] == requirements


def test_what_no_staff_could_have_entered_stays_open(service: Service, registry: Registry) -> None:
    env = {"NVIDIA_REQUIRE_CUDA": "x" * 30_000, "NVIDIA_CUDA_END_OF_LIFE": "1"}
    image = made(service, pushed(registry, "team/odd", env, architecture="amd 64"))
    inspected(service, image)
    assert registry_facts(service, image) == {"disable_require": False}


def test_the_catalogue_as_a_file_is_staffs_word_alone(service: Service, registry: Registry) -> None:
    image = made(service, pushed(registry, "team/filed"))
    inspected(service, image)
    document = service.staff.get("/v1/catalogue/export").json()
    (entry,) = [entry for entry in document["images"] if entry["url"] == image["url"]]
    assert "facts" not in entry
    again = service.staff.post("/v1/catalogue/apply", json={"images": [entry]}).json()
    assert again["changes"] == []
    assert service.staff.get(place(image)).status_code == 200
    moved = {"images": [entry | {"url": f"{registry.host}/team/refiled:1"}]}
    assert service.staff.post("/v1/catalogue/apply?dry_run=true", json=moved).json()["applied"] is False
    assert service.staff.get(place(image)).status_code == 200
    assert service.staff.post("/v1/catalogue/apply", json=moved).json()["applied"] is True
    refused(service.staff.get(place(image)), 404, code="not_inspected")
    assert registry_facts(service, image) == {}


def test_the_next_inspection_replaces_the_last(service: Service, registry: Registry) -> None:
    compat = CUDA | {"NV_CUDA_COMPAT_PACKAGE": "cuda-compat-12-4=550.54.15-1"}
    image = made(service, pushed(registry, "team/again", compat))
    before = inspected(service, image)
    assert "compat_package" in registry_facts(service, image)
    pushed(registry, "team/again", {"CUDA_VERSION": "12.4.1"})
    after = inspected(service, image)
    assert after["digest"] != before["digest"]
    assert after["checked"] > before["checked"]
    assert registry_facts(service, image)["requirements"] == {"CUDA_VERSION": "12.4.1"}
    assert "compat_package" not in registry_facts(service, image)


def test_it_moves_the_image_and_the_catalogue_as_facts_do(service: Service, registry: Registry) -> None:
    image = made(service, pushed(registry, "team/moved"))
    path = f"/v1/docker/{image['pk']}"
    version = service.anonymous.get("/readyz").json()["catalogue_version"]
    tag = service.staff.get(path).headers["etag"]
    refused(service.staff.post(place(image), headers={"If-Match": '"1"'}), 412)
    assert service.anonymous.get("/readyz").json()["catalogue_version"] == version
    assert service.staff.post(place(image), headers={"If-Match": tag}).status_code == 200
    assert service.anonymous.get("/readyz").json()["catalogue_version"] == version + 1
    assert service.staff.get(path, headers={"If-None-Match": tag}).status_code == 200
    service.staff.get(place(image))
    assert service.anonymous.get("/readyz").json()["catalogue_version"] == version + 1
    stored = service.staff.get(place(image)).headers["etag"]
    assert service.staff.get(place(image), headers={"If-None-Match": stored}).status_code == 304
    assert service.staff.post(place(image), headers={"If-Match": stored}).status_code == 200


def test_an_image_that_lies_elsewhere_now_is_not_inspected_yet(service: Service, registry: Registry) -> None:
    image = made(service, pushed(registry, "team/here"))
    path = f"/v1/docker/{image['pk']}"
    inspected(service, image)
    service.staff.patch(path, json={"name": "another-name", "registry": registry.host})
    assert service.staff.get(place(image)).status_code == 200
    service.staff.patch(path, json={"url": f"{registry.host}/team/there:1"})
    refused(service.staff.get(place(image)), 404, code="not_inspected")
    assert registry_facts(service, image) == {}


def test_a_failure_stores_nothing_and_loses_nothing(service: Service, registry: Registry) -> None:
    image = made(service, pushed(registry, "team/lost", tag="1"))
    kept = inspected(service, image)
    version = service.anonymous.get("/readyz").json()["catalogue_version"]
    gone = registry.pushing.delete(f"/v2/team/lost/manifests/{kept['digest']}")
    assert gone.status_code == 202
    refused(service.staff.post(place(image)), 404, code="image_not_found")
    assert service.staff.get(place(image)).json() == kept
    assert service.anonymous.get("/readyz").json()["catalogue_version"] == version


def test_a_registry_takes_its_time_while_others_write(service: Service, loop: Loop) -> None:
    store = Store()
    store.image("1", env=CUDA)
    images: list[Body] = []

    async def slowly(asked: Asked) -> None:
        if asked.method == "GET" and asked.target.endswith("/manifests/1"):
            # The image is moved while its registry is being asked; a transaction that is open would not let it.
            await moving(asked)
        await store.answer(asked)

    async def moving(asked: Asked) -> None:
        elsewhere = {"url": f"{asked.headers['host']}/ml/y:1"}
        transport = httpx2.ASGITransport(service.app)
        headers = {"Authorization": f"Bearer {service.tokens['staff']}"}
        async with httpx2.AsyncClient(transport=transport, base_url="http://bayplan.test", headers=headers) as client:
            changed = await asyncio.wait_for(client.patch(f"/v1/docker/{images[0]['pk']}", json=elsewhere), 10)
            assert changed.status_code == 200

    with spoiled(loop, slowly) as server:
        images.append(made(service, f"{server.host}/ml/x:1"))
        refused(service.staff.post(place(images[0])), 409, code="conflict")
    refused(service.staff.get(place(images[0])), 404, code="not_inspected")


def test_only_staff_may_make_one_and_everyone_may_read_it(service: Service, registry: Registry) -> None:
    image = made(service, pushed(registry, "team/staff"))
    refused(service.anonymous.post(place(image)), 401)
    refused(service.user.post(place(image)), 403, code="forbidden")
    inspected(service, image)
    assert service.user.get(place(image)).status_code == 200
    refused(service.anonymous.get(place(image)), 401)


def test_images_that_are_gone(service: Service, registry: Registry) -> None:
    image = made(service, pushed(registry, "team/gone"))
    kept = inspected(service, image)
    service.staff.delete(f"/v1/docker/{image['pk']}")
    refused(service.staff.post(place(image)), 409, code="deleted")
    assert service.staff.get(place(image)).json() == kept
    service.staff.delete(f"/v1/docker/{image['pk']}/hard")
    refused(service.staff.get(place(image)), 404, code="not_found")
    refused(service.staff.post(place(image)), 404, code="not_found")


def test_the_images_own_credentials_are_used_and_stored_nowhere_else(service: Service, guarded: Registry) -> None:
    url = pushed(guarded, "team/guarded")
    refused(service.staff.post(place(made(service, url))), 422, code="registry_denied")
    image = made(service, url, guarded.login, name="with-credentials")
    assert guarded.login is not None
    answer = service.staff.post(place(image))
    assert answer.status_code == 200
    assert guarded.login.password not in answer.text + service.staff.get(place(image)).text
    assert guarded.login.password not in _everything(service)


def _everything(service: Service) -> str:
    """All rows of the database, as text."""
    if service.kind == "sqlite":
        with sqlite3.connect(service.settings.database_url.removeprefix("sqlite:///")) as database:
            return "\n".join(database.iterdump())
    with psycopg.connect(service.settings.database_url) as postgres:
        names = postgres.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()
        rows = [postgres.execute(f'SELECT * FROM "{name}"').fetchall() for (name,) in names]
        return repr(rows)


def test_a_reference_without_registry_is_asked_for_where_the_catalogue_says(
    service: Service, registry: Registry
) -> None:
    pushed(registry, "team/short")
    pushed(registry, "single")
    for url in ("team/short:1", "single:1"):
        image = service.make("docker", url=url, registry=f"http://{registry.host}")
        assert inspected(service, image)["reference"] == f"{registry.host}/{url}"


def test_platforms_of_an_index_are_all_known(service: Service, registry: Registry) -> None:
    image = made(service, for_both(registry, "team/both", arm64=CUDA | {"NVIDIA_REQUIRE_CUDA": "cuda>=12.4"}))
    inspected(service, image)
    facts = registry_facts(service, image)
    assert facts["architectures"] == ["amd64", "arm64"]
    assert facts["requirements"] == {"NVIDIA_REQUIRE_CUDA": REQUIRED}


def test_odd_texts_and_an_image_without_a_platform_are_stored(service: Service, loop: Loop) -> None:
    """NUL and years beyond range, on each database; a node of any architecture may get the image."""
    store = Store()
    env = CUDA | {"NVIDIA_REQUIRE_ODD": "cuda>=11\0", "NVIDIA_DRIVER_CAPABILITIES": "compute,\0"}
    store.image("1", env=env, os=None, architecture=None, created="9999-12-31T23:59:59-14:00")
    with spoiled(loop, store.answer) as server:
        image = made(service, f"{server.host}/ml/x:1")
        (platform,) = inspected(service, image)["platforms"]
        state = service.staff.post(f"/v1/docker/{image['pk']}/checks").json()
    assert (platform["os"], platform["architecture"], platform["created"]) == (None, None, None)
    assert platform["facts"]["requirements"]["value"]["NVIDIA_REQUIRE_ODD"] == "cuda>=11\0"
    assert state["state"] == "ok"
    assert "architectures" not in registry_facts(service, image)
    stored = service.user.get(place(image)).json()
    assert (stored["platforms"], stored["contradictions"]) == ([platform], [])
