"""The scheduler of checks inside the server: on a schedule and on request, each registry for itself, and through failures."""

import asyncio
import contextlib
import time
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from bayplan.registry.auth import RegistryCredentials
from tests.conftest import Service, Template, serving
from tests.inprocess import Loop
from tests.registry.misbehaving import Asked, Store
from tests.registry.running import Registry
from tests.server.checks.conftest import QUICK, Body, MovableClock, checked, counts, eventually, state_of, version
from tests.server.checks.test_processes import execute
from tests.server.inspections.conftest import made, pushed, spoiled

Serving = Callable[..., "contextlib.AbstractContextManager[Service]"]


@pytest.fixture
def scheduled(
    kind: str,
    request: pytest.FixtureRequest,
    template: Template,
    loop: Loop,
    clock: MovableClock,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Service]:
    """The application on a schedule of six hours, which a test moves the clock by; new images are checked at once."""
    folder = tmp_path_factory.mktemp("scheduled")
    options = {"clock": clock, "check_intervals": replace(QUICK, first_check_seconds=0.0)}
    changes = {"registry_allow_private": ("127.0.0.0/8",), "verify_interval": "6h"}
    with serving(kind, request, template, loop, folder, options, **changes) as service:
        yield service


def requested(service: Service, which: str = "all") -> Body:
    """Has images checked, and waits until they were."""
    answer = service.staff.post("/v1/docker/checks", json={"which": which})
    assert answer.status_code == 202, answer.text
    summary: Body = answer.json()
    eventually(lambda: counts(service)["waiting"] == 0)
    return summary


def heads(registry: Registry, repository: str) -> int:
    """How often an image was checked at a registry."""
    return sum(line.startswith(f"HEAD /v2/{repository}/") for line in registry.requests)


def test_images_are_checked_again_and_again(scheduled: Service, registry: Registry, clock: MovableClock) -> None:
    image = made(scheduled, pushed(registry, "loop/again"))
    eventually(lambda: state_of(scheduled, image)["state"] == "ok")
    first = state_of(scheduled, image)
    assert first["due"] > first["checked"]
    clock.move(hours=7)
    eventually(lambda: state_of(scheduled, image)["checked"] > first["checked"])
    registry.pushing.delete(f"/v2/loop/again/manifests/{first['digest']}")
    clock.move(hours=7)
    eventually(lambda: state_of(scheduled, image)["state"] == "missing")
    assert scheduled.staff.post("/v1/docker/checks/list").json()[0]["image"] == image["pk"]


def test_deleted_images_are_not_checked_until_they_are_back(
    scheduled: Service, registry: Registry, clock: MovableClock
) -> None:
    image = made(scheduled, pushed(registry, "loop/deleted"))
    eventually(lambda: state_of(scheduled, image)["state"] == "ok")
    scheduled.staff.delete(f"/v1/docker/{image['pk']}")
    assert state_of(scheduled, image)["due"] is None
    other = made(scheduled, pushed(registry, "loop/other"))
    eventually(lambda: state_of(scheduled, other)["state"] == "ok")
    before = heads(registry, "loop/deleted")
    for _ in range(5):
        last = state_of(scheduled, other)["checked"]
        clock.move(hours=7)
        eventually(lambda last=last: state_of(scheduled, other)["checked"] > last)  # type: ignore[misc]  # bound at once
    assert heads(registry, "loop/deleted") == before
    scheduled.staff.delete(f"/v1/docker/{image['pk']}/reinstate")
    eventually(lambda: heads(registry, "loop/deleted") > before)


def test_without_a_schedule_images_are_checked_when_somebody_asks(service: Service, registry: Registry) -> None:
    images = [made(service, pushed(registry, f"loop/asked-{number}")) for number in range(3)]
    lost = made(service, f"{registry.host}/loop/lost:1")
    assert counts(service) == {
        "states": {"ok": 0, "moved": 0, "missing": 0, "denied": 0, "unreachable": 0, "unchecked": 4},
        "checked": 0,
        "waiting": 0,
        "waiting_in": [],
        "images": 4,
    }
    asked = requested(service)
    assert asked["images"] == 4
    summary = service.staff.get("/v1/docker/checks", params={"since": asked["asked"]}).json()
    assert (summary["states"]["ok"], summary["states"]["missing"], summary["checked"]) == (3, 1, 4)
    before = heads(registry, "loop/asked-0")
    again = requested(service, "not_ok")
    assert again["images"] == 1
    assert state_of(service, lost)["checked"] > again["asked"]
    assert heads(registry, "loop/asked-0") == before
    assert state_of(service, images[0])["due"] is None


def test_checks_that_find_nothing_new_move_nothing(service: Service, registry: Registry) -> None:
    images = [made(service, pushed(registry, f"loop/same-{number}")) for number in range(3)]
    requested(service)
    before = version(service)
    requested(service)
    assert version(service) == before
    assert all(state_of(service, image)["state"] == "ok" for image in images)


def test_a_dead_and_a_dripping_registry_delay_no_other(service: Service, registry: Registry, loop: Loop) -> None:
    store = Store()
    store.image("1")
    released = asyncio.Event()

    async def drip(asked: Asked) -> None:
        await asyncio.wait_for(released.wait(), 60)
        await store.answer(asked)

    with spoiled(loop, drip) as dripping:
        slow = [made(service, f"{dripping.host}/ml/slow-{number}:1") for number in range(20)]
        dead = [made(service, f"127.0.0.1:9/ml/dead-{number}:1") for number in range(40)]
        quick = [made(service, pushed(registry, f"loop/quick-{number}")) for number in range(20)]
        assert service.staff.post("/v1/docker/checks", json={"which": "all"}).json()["images"] == 80
        eventually(lambda: counts(service)["states"]["ok"] == len(quick))
        eventually(lambda: counts(service)["states"]["unreachable"] == len(dead))
        assert counts(service)["waiting"] == len(slow)
        assert counts(service)["waiting_in"] == [dripping.host]
        loop.run(_set(released))
        eventually(lambda: counts(service)["waiting"] == 0)
    spared = [state_of(service, image)["detail"] for image in dead]
    assert sum("was left out" in detail for detail in spared) >= 20
    assert {state_of(service, image)["code"] for image in dead} == {"registry_unreachable"}
    assert state_of(service, quick[0])["state"] == "ok"


async def _set(event: asyncio.Event) -> None:
    event.set()


def test_who_asks_for_one_image_need_not_wait_for_the_queue(service: Service, loop: Loop) -> None:
    store = Store()
    store.image("1")
    released = asyncio.Event()

    async def answer(asked: Asked) -> None:
        if "/ml/x/" in asked.target:
            await store.answer(asked)
        else:
            await asyncio.wait_for(released.wait(), 60)

    with spoiled(loop, answer) as server:
        for number in range(20):
            made(service, f"{server.host}/ml/held-{number}:1")
        service.staff.post("/v1/docker/checks", json={"which": "all"})
        eventually(lambda: server.asked)
        image = made(service, f"{server.host}/ml/x:1")
        begun = time.monotonic()
        assert checked(service, image)["state"] == "ok"
        assert time.monotonic() - begun < 15  # those that are delayed end after 30
        loop.run(_set(released))


def test_an_image_that_cannot_be_checked_costs_no_other_its_state(
    service: Service, registry: Registry, loop: Loop
) -> None:
    store = Store()
    store.with_odd_key("1", "a\0b\ud800")
    with spoiled(loop, store.answer) as server:
        odd = made(service, f"{server.host}/ml/x:1")
        image = made(service, pushed(registry, "loop/beside"))
        requested(service)
        assert state_of(service, odd)["code"] == "manifest_invalid"
        assert state_of(service, image)["state"] == "ok"


def test_new_credentials_are_tried_at_once(scheduled: Service, guarded: Registry) -> None:
    assert guarded.login is not None
    wrong = RegistryCredentials(guarded.login.username, "the old password")
    image = made(scheduled, pushed(guarded, "loop/guarded"), wrong)
    eventually(lambda: state_of(scheduled, image)["state"] == "denied")
    good = {"registry_username": guarded.login.username, "registry_password": guarded.login.password}
    scheduled.staff.patch(f"/v1/docker/{image['pk']}", json=good)
    eventually(lambda: state_of(scheduled, image)["state"] == "ok")


def test_a_registry_that_comes_back_is_believed_for_all_of_its_images(service: Service, loop: Loop) -> None:
    store = Store()
    store.image("1")
    is_up = [False]

    async def answer(asked: Asked) -> None:
        if is_up[0]:
            await store.answer(asked)
        else:
            await asked.answer(503)

    with spoiled(loop, answer) as server:
        images = [made(service, f"{server.host}/ml/x:1", name=f"back-{number}") for number in range(12)]
        requested(service)
        assert counts(service)["states"]["unreachable"] == 12
        is_up[0] = True
        requested(service, "not_ok")
        assert counts(service)["states"]["ok"] == 12
        assert [entry["state"] for entry in state_of(service, images[0])["history"]] == ["ok", "unreachable"]


def test_credentials_that_go_to_a_registry_are_in_the_audit_log_and_noted_as_taken_or_refused(
    service: Service, guarded: Registry
) -> None:
    assert guarded.login is not None
    good = [made(service, pushed(guarded, f"loop/audit-{number}"), guarded.login) for number in range(3)]
    wrong = made(service, f"{guarded.host}/loop/audit-0:1", RegistryCredentials("mallory", "a wrong password"))
    open_to_all = made(service, pushed(guarded, "loop/audit-open"))
    requested(service)

    def audited() -> list[Body]:
        entries: list[Body] = service.staff.get("/v1/audit", params={"kind": "registry"}).json()
        return [entry for entry in entries if entry["action"] == "check"]

    assert [(entry["name"], entry["images"], entry["passwords"]) for entry in audited()] == [
        (guarded.host, [[good[0]["pk"], wrong["pk"]]], 4)
    ]
    checked(service, good[1])
    checked(service, open_to_all)
    assert [entry["images"] for entry in audited()] == [
        [[good[1]["pk"], good[1]["pk"]]],
        [[good[0]["pk"], wrong["pk"]]],
    ]
    rows = {row["username"]: row for row in service.staff.get("/v1/credentials").json()}
    assert rows[guarded.login.username]["last_used"] == state_of(service, good[1])["checked"]
    assert rows[guarded.login.username]["last_refused"] is None
    assert rows["mallory"]["last_refused"] == state_of(service, wrong)["checked"]
    assert rows["mallory"]["last_used"] is None


def test_images_of_a_registry_that_is_not_asked_are_not_in_the_audit_log(service: Service) -> None:
    for number in range(60):
        made(service, f"127.0.0.1:9/loop/silent-{number}:1", RegistryCredentials("casey", "a password"))
    requested(service)
    entries = [entry for entry in service.staff.get("/v1/audit").json() if entry["action"] == "check"]
    assert sum(entry["passwords"] for entry in entries) == 35


def test_images_that_wait_for_a_retry_are_checked_at_once_when_the_registry_is_back(
    scheduled: Service, loop: Loop
) -> None:
    store = Store()
    store.image("1")
    is_up = [False]

    async def answer(asked: Asked) -> None:
        if is_up[0]:
            await store.answer(asked)
        else:
            await asked.answer(404, Docker_Distribution_Api_Version="registry/2.0")

    with spoiled(loop, answer) as server:
        image = made(scheduled, f"{server.host}/ml/x:1", name="back")
        eventually(lambda: state_of(scheduled, image)["state"] == "missing")
        far = {f"far-{number}": made(scheduled, f"{server.host}/ml/x:1", name=f"far-{number}") for number in range(3)}
        eventually(lambda: counts(scheduled)["states"]["missing"] == 4)
        _put_off(scheduled, [image["pk"] for image in far.values()], "unreachable", "2999-01-01T00:00:00.000000Z")
        _put_off(scheduled, [image["pk"]], "unreachable", "2020-01-01T00:00:00.000000Z")
        is_up[0] = True
        eventually(lambda: counts(scheduled)["states"]["ok"] == 4)


def test_an_error_about_an_image_does_not_count_against_its_registry(service: Service, loop: Loop) -> None:
    store = Store()
    store.image("1")

    async def answer(asked: Asked) -> None:
        if "/ml/x/" in asked.target:
            await store.answer(asked)
        else:
            await asked.answer(400)

    with spoiled(loop, answer) as server:
        wrong = [made(service, f"{server.host}/ml/wrong-{number}:1") for number in range(12)]
        right = [made(service, f"{server.host}/ml/x:1", name=f"right-{number}") for number in range(6)]
        requested(service)
        assert {state_of(service, image)["state"] for image in right} == {"ok"}
        assert {state_of(service, image)["code"] for image in wrong} == {"registry_error"}


def test_an_image_that_is_none_makes_no_other_come_sooner(scheduled: Service, loop: Loop, clock: MovableClock) -> None:
    with spoiled(loop, lambda asked: asked.answer(200, b"no manifest")) as server:
        images = [made(scheduled, f"{server.host}/ml/x:1", name=f"none-{number}") for number in range(2)]
        eventually(lambda: counts(scheduled)["states"]["unreachable"] == 2)
        far = "2999-01-01T00:00:00.000000Z"
        _put_off(scheduled, [images[1]["pk"]], "unreachable", far)
        for _ in range(2):
            last = state_of(scheduled, images[0])["checked"]
            clock.move(hours=7)
            eventually(lambda last=last: state_of(scheduled, images[0])["checked"] > last)  # type: ignore[misc]  # bound at once
        assert state_of(scheduled, images[1])["due"] == far


def _put_off(service: Service, pks: list[int], state: str, due: str) -> None:
    """Makes images be in a state, and due then, as if time had passed."""
    named = ", ".join(map(str, pks))
    statement = f"UPDATE checks SET state = ?, due = ? WHERE image IN ({named})"
    execute(service.settings.database_url, statement, state, due)
