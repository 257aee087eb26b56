"""What is kept of the images that are out of date: whatever is written, it says what is worked out anew."""

import datetime
import random
from collections.abc import Sequence
from typing import Any

from bayplan.db.engines import open_database
from bayplan.db.keyring import Keyring
from bayplan.server.lifecycles.outdated import AgedImage, OutdatedImages
from bayplan.server.matching.kept_kinds import KeptKinds
from bayplan.server.matching.queries import Judge, today
from bayplan.server.snapshot import ImageSnapshots
from tests import catalogue
from tests.conftest import Service

WRITES = 50
NAMES = ("a", "A", "b")
VERSIONS = ("1.0", "1.1", "1.2rc1", "1.2", "2.0-runtime", "latest")
DRIVERS = ("450.51.06", "535.104.05", "580.65.06")
CUDAS = ("10.2.89", "12.4.1", "13.0.2")
TASKS = (["train"], ["train", "export"], ["predict"])


def write(service: Service, dice: random.Random) -> None:
    """A write that moves what images are to be used instead of others; one that would make a duplicate is refused."""
    staff = service.staff
    pks = [image["pk"] for image in staff.post("/v1/docker/list").json()]
    image, other = f"/v1/docker/{dice.choice(pks)}", pks[-1]
    deprecated = {
        "deprecated": True,
        "why": dice.choice(("It leaks.", None)),
        "successor": other if image != f"/v1/docker/{other}" else None,
    }
    day = (today() + datetime.timedelta(dice.choice((-1, 30, 400)))).isoformat()
    name, version = dice.choice(NAMES), dice.choice(VERSIONS)
    new = catalogue.image(name=name, version=version, tasks=dice.choice(TASKS))
    writes: list[Any] = [
        lambda: staff.post("/v1/docker/create", json=new),
        lambda: staff.patch(image, json={"version": version}),
        lambda: staff.patch(image, json={"name": name}),
        lambda: staff.patch(image, json={"tasks": dice.choice(TASKS)}),
        lambda: staff.patch(image, json={"cuda_version": dice.choice(CUDAS)}),
        lambda: staff.patch(f"{image}/facts", json={"end_of_life": dice.choice((day, None))}),
        lambda: staff.patch(f"{image}/lifecycle", json=deprecated),
        lambda: staff.patch(f"{image}/lifecycle", json={"deprecated": False}),
        lambda: staff.delete(f"/v1/docker/{dice.choice((*pks, other, other, other, other))}"),
        lambda: staff.patch("/v1/frameworks/1", json={"name": dice.choice(("PyTorch", "Pytorch", "Caffe"))}),
        lambda: service.make("nodes", driver_version=dice.choice(DRIVERS)),
        lambda: staff.patch("/v1/cuda/1", json={"min_driver_version": dice.choice(DRIVERS)}),
    ]
    dice.choice(writes)()


def test_after_any_writes_it_says_what_is_worked_out_anew(service: Service) -> None:
    dice = random.Random(11)
    for name in (*NAMES, "last"):
        for text, cuda in zip(VERSIONS, CUDAS, strict=False):
            service.make("docker", name=name, version=text, cuda_version=cuda)
    for driver in DRIVERS:
        service.make("nodes", driver_version=driver)
    db = open_database(service.settings.database_url)
    try:
        judge = Judge(db, ImageSnapshots(db, Keyring(None, service.settings.home / "secrets.key")), None)
        kinds = KeptKinds(db, judge)
        kept, carried = OutdatedImages(db, judge, kinds), 0
        last: Sequence[AgedImage] = ()
        for _ in range(WRITES):
            version = service.loop.run(db.version())
            aged = service.loop.run(kept.at(version))
            anew = service.loop.run(OutdatedImages(db, judge, kinds).at(version))
            assert (aged.images, aged.names, aged.nodes) == (anew.images, anew.names, anew.nodes)
            before = {id(image) for image in last}
            carried += any(id(image) in before for image in aged.images)
            last = aged.images
            write(service, dice)
        assert carried > WRITES // 2, "images of other names are not worked out anew"
    finally:
        service.loop.run(db.close())
