"""What is kept of kinds of nodes: whatever is written, it says what the matrix says."""

import random
from typing import Any

from bayplan.db.engines import open_database
from bayplan.db.keyring import Keyring
from bayplan.domain.compatibility.matrix import matrix
from bayplan.server.matching.kept_kinds import KeptKinds
from bayplan.server.matching.queries import Judge, load_nodes, today
from bayplan.server.matrix.whole import WholeMatrix
from bayplan.server.snapshot import ImageSnapshots
from tests import catalogue
from tests.conftest import Service
from tests.joining import join

WRITES = 25
RUNS = ("native", "minor", "forward", "cpu")
DRIVERS = ("390.48", "450.51.06", "535.104.05", "580.65.06")
CUDAS = ("10.2.89", "11.8.0", "12.4.1", "13.0.2")


def in_matrix(service: Service) -> tuple[list[tuple[str, list[int]]], int, set[int], int]:
    """The kinds with their nodes, the number of groups, the nodes on which no image runs, and the number of images that run on none."""
    answer = service.staff.post("/v1/docker/matrix").json()
    runs = [verdict for verdict in answer["verdicts"] if verdict["grade"] in RUNS]
    running, having = {verdict["group"] for verdict in runs}, {verdict["kind"] for verdict in runs}
    nodes = {pk for kind in answer["kinds"] if kind["kind"] not in having for pk in kind["nodes"]}
    images = sum(len(group["images"]) for group in answer["groups"] if group["group"] not in running)
    kinds = [(kind["kind"], kind["nodes"]) for kind in answer["kinds"]]
    return kinds, len(answer["groups"]), nodes, images


def write(service: Service, dice: random.Random) -> None:
    """A write that moves kinds, or groups."""
    staff = service.staff
    node = dice.choice(staff.post("/v1/nodes/list").json())["pk"]
    image = dice.choice(staff.post("/v1/docker/list").json())["pk"]
    writes: list[Any] = [
        lambda: service.make("nodes", driver_version=dice.choice(DRIVERS)),
        lambda: staff.patch(f"/v1/nodes/{node}", json={"driver_version": dice.choice(DRIVERS)}),
        lambda: staff.patch(f"/v1/nodes/{node}", json={"ip": dice.choice(("a", "b")), "index": dice.randrange(9)}),
        lambda: staff.delete(f"/v1/nodes/{node}"),
        lambda: join(service, catalogue.machine(dice.randint(1, 3), ip=f"gpu{dice.randrange(3)}")),
        lambda: staff.patch(f"/v1/docker/{image}", json={"cuda_version": dice.choice(CUDAS)}),
        lambda: staff.patch(f"/v1/docker/{image}/facts", json={"architectures": dice.choice((["s390x"], None))}),
        lambda: staff.patch("/v1/cuda/1", json={"min_driver_version": dice.choice(DRIVERS)}),
    ]
    dice.choice(writes)()


def test_the_summary_is_that_of_the_matrix_after_any_writes(service: Service) -> None:
    dice = random.Random(7)
    for cuda, driver in zip(CUDAS, DRIVERS, strict=True):
        service.make("docker", name=cuda, cuda_version=cuda)
        for _ in range(2):
            service.make("nodes", driver_version=driver)
    db = open_database(service.settings.database_url)
    try:
        judge = Judge(db, ImageSnapshots(db, Keyring(None, service.settings.home / "secrets.key")), None)
        kinds = KeptKinds(db, judge)
        whole, carried = WholeMatrix(judge, kinds), 0
        for _ in range(WRITES):
            version = service.loop.run(db.version())
            kept = service.loop.run(kinds.at(version))
            carried += bool(kept.running)
            summary = service.loop.run(kinds.summary(version))
            assert summary is not None
            nodes = {pk for kind, _ in summary.stranded_kinds for pk in kind.nodes}
            named = [(kind.identifier, kind.nodes) for kind in kept.kinds]
            assert (named, summary.groups, nodes, summary.stranded_images) == in_matrix(service)
            assert summary.kinds == len(named)
            listed = service.staff.post("/v1/nodes/list").json()
            assert {pk: (name.ip, name.index) for pk, name in kept.names.items()} == {
                node["pk"]: (node["ip"], node["index"]) for node in listed
            }
            kept_matrix, index = service.loop.run(whole.at(version)).matrix, service.loop.run(judge.at(version)).index
            anew = matrix(index, index.every, service.loop.run(load_nodes(db)), today())
            assert (kept_matrix.groups, kept_matrix.kinds) == (anew.groups, anew.kinds)
            assert kept_matrix.columns == anew.columns
            write(service, dice)
        assert carried > WRITES // 2
    finally:
        service.loop.run(db.close())
