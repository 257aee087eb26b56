"""What is answered from the snapshot and the index is, byte for byte, what SQL answers."""

import itertools
import random
from collections.abc import Iterator
from typing import Any

import pytest

from bayplan.db import crud
from bayplan.db.database import Database
from bayplan.db.disclosure import Disclosure
from bayplan.db.engines import open_database
from bayplan.db.keyring import Keyring
from bayplan.db.principal import EVERYBODY, Principal
from bayplan.db.projection import projection
from bayplan.schemas.filters import Filter
from bayplan.server.image_lists import ImageLists, image_list
from bayplan.server.matching.queries import Judge
from bayplan.server.snapshot import ImageSnapshots
from tests import catalogue
from tests.conftest import Service
from tests.joining import joined

PRINCIPALS = (EVERYBODY, Principal(user=1, is_staff=True, name="admin"), Principal(worker=1, name="machine"))
TASKS = ("train", "Predict", "export", "EXPORT", "export-2")
DOMAINS = ("od", "ic", "sc")
CUDAS = ("12.4.1", "12.4", "11.8.0", None)
CREDENTIALS = {"registry_username": "robot", "registry_password": "a secret word"}


@pytest.fixture(scope="module")
def filled(shared: Service) -> Service:
    """A catalogue of 60 images: some deleted, some with credentials, some without CUDA."""
    dice = random.Random(7)  # a test's dice
    for name, version in (("PyTorch", "2.5"), ("pytorch", "2.4.1"), ("TensorFlow", "2.16")):
        shared.staff.post("/v1/frameworks/create", json={"name": name, "version": version}).raise_for_status()
    images = []
    for number in range(60):
        image = catalogue.image(
            framework=dice.choice(["PyTorch 2.4", "PyTorch 2.5", "pytorch 2.4.1", "TensorFlow 2.16"]),
            domain=dice.choice(DOMAINS),
            tasks=dice.sample(TASKS, dice.randrange(1, 4)),
            cuda_version=dice.choice(CUDAS),
            **(CREDENTIALS if number % 7 == 0 else {}),
        )
        image["cpu"] = image["cuda_version"] is None
        answer = shared.staff.post("/v1/docker/create", json=image)
        assert answer.status_code == 201, answer.text
        images.append(answer.json())
    for image in images[::9]:
        shared.staff.delete(f"/v1/docker/{image['pk']}").raise_for_status()
    return shared


@pytest.fixture(scope="module")
def opened(filled: Service) -> Iterator[tuple[Database, Keyring, ImageLists]]:
    """The database of that catalogue, and what answers its lists."""
    db = open_database(filled.settings.database_url, connections=4)
    keyring = Keyring(None, filled.settings.home / "secrets.key")
    images = ImageSnapshots(db, keyring)
    yield db, keyring, ImageLists(db, images, Judge(db, images, None))
    filled.loop.run(db.close())


def _expressions() -> list[dict[str, Any]]:
    values: dict[str, tuple[Any, ...]] = {
        "framework": (1, 2, 3, 99, "PyTorch 2.4", "pytorch 2.4", "nothing", -1),
        "framework.name": ("PyTorch", "pytorch", "TensorFlow", ""),
        "framework.version": ("2.4", "2.4.1", "2.4.0"),
        "framework.pk": (1, 4),
        "cuda_version": ("12.4", "12.4.1", "11.8.0", 1, 40, "0.0"),
        "cuda_version.version": ("12.4", "11.8"),
        "cuda_version.min_driver_version": ("550.54.14",),
        "domain": ("od", "OD", "ic", "nothing", "2", 1, 2, 99),
        "domain.name": ("od", "OD", "2"),
        "domain.pk": (1, 2),
        "domain.description": ("Object Detection",),
        "tasks": ("train", "PREDICT", "export", "grün", "tra"),
        "name": ("image 1",),
        "cpu": (True,),
        "licence": ("Apache-2.0",),
    }
    expressions = []
    for field, choices in values.items():
        for value, fold, invert in itertools.product(choices, (False, True), (False, True)):
            expressions.append(
                {"type": "exact", "field": field, "value": value, "case_insensitive": fold, "invert": invert}
            )
    return expressions


EXPRESSIONS = _expressions()


def _questions() -> Iterator[tuple[dict[str, Any], int | None, int]]:
    """Filters of one expression, of several, with other parts; and the page that is asked for."""
    dice = random.Random(3)  # a test's dice
    yield {}, None, 0
    for expression in EXPRESSIONS:
        yield {"expressions": [expression]}, None, 0
    plain = [expression for expression in EXPRESSIONS if not expression["invert"]]
    for _ in range(150):
        body = {"expressions": dice.sample(plain, dice.randrange(0, 4))}
        yield body, dice.choice([None, 1, 5, 100]), dice.choice([0, 0, 1, 7, 1000])


async def _by_sql(
    db: Database, principal: Principal, specification: Filter, limit: int | None, offset: int, disclosure: Disclosure
) -> crud.Page:
    chosen = projection("docker", principal)
    return await crud.page(db, crud.listing(chosen, principal, specification, limit=limit, offset=offset), disclosure)


def test_lists_without_a_query_are_those_of_sql(filled: Service, opened: tuple[Database, Keyring, ImageLists]) -> None:
    db, keyring, lists = opened
    ready = 0
    for body, limit, offset in _questions():
        specification = Filter.model_validate(body)
        asked = image_list(specification, limit=limit, offset=offset)
        if asked is None:
            continue
        ready += 1
        for principal in PRINCIPALS:
            ours, theirs = Disclosure(keyring), Disclosure(keyring)
            version = filled.loop.run(db.version())
            page = filled.loop.run(lists.page(asked, principal, version, ours))
            by_sql = filled.loop.run(_by_sql(db, principal, specification, limit, offset, theirs))
            assert (page.body, page.total, ours.images) == (by_sql.body, by_sql.total, theirs.images), (body, principal)
    assert ready > 150


@pytest.mark.parametrize(
    "body",
    [
        {"expressions": [{"type": "exact", "field": "tasks", "value": "grün"}]},
        {"expressions": [{"type": "exact", "field": "framework", "value": 1, "invert": True}]},
        {"expressions": [{"type": "exact", "field": "framework", "value": True}]},
        {"expressions": [{"type": "exact", "field": "framework", "value": 2**70}]},
        {"expressions": [{"type": "exact", "field": "framework.unknown", "value": 1}]},
        {"expressions": [{"type": "exact", "field": "licence", "value": 1}]},
        {"expressions": [{"type": "exact", "field": "framework.name", "value": "x" * 201}]},
        {"expressions": [{"type": "contains", "field": "tasks", "sub_string": "train"}]},
        {"expressions": [{"type": "or", "sub_expressions": [{"type": "exact", "field": "domain", "value": "od"}]}]},
        {"order_by": [{"field": "name"}]},
        {"include_inactive": True},
    ],
)
def test_every_other_filter_is_left_to_sql(body: dict[str, Any]) -> None:
    assert image_list(Filter.model_validate(body), limit=None, offset=0) is None


def test_whoever_sees_credentials_gets_them_and_an_entry_in_the_audit_log(filled: Service) -> None:
    by_name = {"expressions": [{"type": "contains", "field": "name", "sub_string": ""}]}
    with joined(filled) as machine:
        audited = len(filled.staff.get("/v1/audit?limit=1000").json())
        for client, sees in ((filled.user, False), (filled.staff, True), (machine.client, True)):
            everything = client.post("/v1/docker/list").json()
            assert everything == client.post("/v1/docker/list", json=by_name).json()
            assert any(image["registry_password"] == "a secret word" for image in everything) == sees
            for image in everything[:10]:
                loaded = client.get(f"/v1/docker/{image['pk']}")
                assert loaded.json() == image
                assert loaded.headers["etag"].endswith('-secret"') == sees
                assert client.get(loaded.url, headers={"If-None-Match": loaded.headers["etag"]}).status_code == 304
        assert len(filled.staff.get("/v1/audit?limit=1000").json()) > audited
