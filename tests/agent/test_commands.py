"""`bayplan worker join`, `status` and `leave`, against a real server."""

import json
import stat
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx2
import pytest

from bayplan.agent.scan_queue import QueuedScan, ScanQueue
from tests.agent.box import Box
from tests.agent.documents import A6000, T4
from tests.process import Server, running_server

Token = Callable[[], str]
Nodes = Callable[[], list[dict[str, Any]]]


def test_joining_makes_a_node_of_each_gpu(server: Server, box: Box, token: Token, nodes: Nodes, address: str) -> None:
    ended = box.run("join", server.url, "--token", token(), "--ip", address)
    assert f"{address}#0" in ended.out
    assert [(node["index"], node["gpu_name"], node["compute_capability"]) for node in nodes()] == [
        (0, "NVIDIA RTX A6000", "8.6"),
        (1, "NVIDIA RTX A6000", "8.6"),
    ]
    assert {node["driver_version"] for node in nodes()} == {"535.104.05"}
    assert {node["gpu_mem"] for node in nodes()} == {51527024640}
    assert stat.S_IMODE(box.state.stat().st_mode) == 0o600
    assert list(box.kept.nodes) == [node["pk"] for node in nodes()]


def test_joining_again_updates(server: Server, box: Box, token: Token, nodes: Nodes, address: str) -> None:
    box.run("join", server.url, "--token", token(), "--ip", address)
    before, first = nodes(), box.kept
    box.has("570.86.10", A6000, T4)
    box.run("join", server.url, "--token-stdin", "--ip", address, typed=token() + "\n")
    assert [node["pk"] for node in nodes()] == [node["pk"] for node in before]
    assert [node["gpu_name"] for node in nodes()] == ["NVIDIA RTX A6000", "Tesla T4"]
    assert box.kept.worker == first.worker
    assert box.kept.secret != first.secret


def test_each_slice_of_a_gpu_is_a_node(server: Server, box: Box, token: Token, nodes: Nodes, address: str) -> None:
    """The machine of before keeps its nodes; its first GPU is sliced, as DataDog/datadog-agent pull request 33120 lists it."""
    box.run("join", server.url, "--token", token(), "--ip", address)
    before = nodes()
    uuids = ("MIG-feb88891-0321-5fef-9c87-d4af3b54259e", "MIG-a25704ba-3a06-5299-a795-fd7cf4d13973")
    first, second = ((instance, "1g.10gb", "9728 MiB", uuid) for instance, uuid in zip((7, 8), uuids, strict=True))
    box.slices(first, second)
    box.run("join", server.url, "--token", token(), "--ip", address)
    sliced = nodes()
    assert [(node["index"], node["mig_profile"], node["gpu_mem"]) for node in sliced] == [
        (0, "1g.10gb", 9728 * 2**20),
        (1, None, 51527024640),
        (10080, "1g.10gb", 9728 * 2**20),
    ]
    assert [node["pk"] for node in sliced[:2]] == [node["pk"] for node in before]
    assert {index: device["slice"] for index, device in box.kept.devices.items()} == {
        "0": uuids[0],
        "1": None,
        "10080": uuids[1],
    }
    facts = json.loads(box.run("status", "--json").out)["facts"]
    profiles = {fact["gpu"]: fact["value"] for fact in facts if fact["fact"] == "mig_profile"}
    assert profiles == {0: "1g.10gb", 1: None, 10080: "1g.10gb"}
    assert all(fact["measured"] for fact in facts if fact["gpu"] is not None)
    box.has("535.104.05", A6000, A6000)
    box.slices(second)
    with box.running() as worker:
        worker.until_printed("GPU 0 (NVIDIA RTX A6000) is gone")
        worker.until_printed("Reported")
    assert [node["index"] for node in nodes()] == [1, 10080]


def move(server: Server, box: Box) -> None:
    """Lets the machine's worker report from another network address, as after a move."""
    credential = {"worker": box.kept.worker, "secret": box.kept.secret}
    access = httpx2.post(f"{server.url}/v1/auth/obtain", json=credential).json()["access"]
    headers = {"Authorization": f"Bearer {access}", "X-Forwarded-For": "192.0.2.200"}
    assert httpx2.post(f"{server.url}/v1/nodes/join", json=box.kept.reported, headers=headers).status_code == 200


def test_a_machine_that_asks_from_elsewhere_shows_its_old_credential(
    server: Server, box: Box, token: Token, nodes: Nodes, address: str
) -> None:
    box.run("join", server.url, "--token", token(), "--ip", address)
    before, first = nodes(), box.kept
    move(server, box)
    box.run("join", server.url, "--token", token(), "--ip", address)
    assert box.kept.worker == first.worker
    assert box.kept.secret != first.secret
    assert [node["pk"] for node in nodes()] == [node["pk"] for node in before]


def test_the_address_of_another_living_worker_is_refused(
    server: Server, box: Box, tmp_path: Path, token: Token, nodes: Nodes, address: str
) -> None:
    box.run("join", server.url, "--token", token(), "--ip", address)
    move(server, box)
    other = Box(tmp_path / "other")
    other.has("570.86.10", T4)
    other.run("join", server.url, "--token", token(), "--ip", f"other-{address}"[:60])
    kept, before = other.kept, nodes()
    ended = other.run("join", server.url, "--token", token(), "--ip", address, code=1)
    assert f"{address} is the address of the worker {box.kept.worker}, which is alive" in ended.err
    assert (other.kept, nodes()) == (kept, before)
    other.state.unlink()
    other.run("join", server.url, "--token", token(), "--ip", address, code=1)


def test_a_machine_without_a_gpu(server: Server, box: Box, token: Token, nodes: Nodes, address: str) -> None:
    answer = box.run("join", server.url, "--token", token(), "--ip", address, "--no-gpu", "--json")
    assert json.loads(answer.out) == nodes()
    (node,) = nodes()
    assert (node["index"], node["driver_version"], node["gpu_name"]) == (0, None, None)


def test_the_address_is_the_one_towards_the_server(server: Server, box: Box, token: Token) -> None:
    (first, _) = json.loads(box.run("join", server.url, "--token", token(), "--json").out)
    assert first["ip"] == "127.0.0.1"
    assert box.kept.ip is None
    box.run("leave", "--yes")


def test_the_status(server: Server, box: Box, token: Token, address: str) -> None:
    box.run("join", server.url, "--token", token(), "--ip", address)
    output = box.run("status").out
    for text in (server.url, box.kept.worker, f"{address}#1", "NVIDIA RTX A6000", "just now"):
        assert text in output
    box.has("570.86.10", A6000)
    assert json.loads(box.run("status", "--json").out)["changes"] == [
        "driver 535.104.05 is now 570.86.10",
        "GPU 1 (NVIDIA RTX A6000) is gone",
    ]
    narrow = box.run("status", variables={"COLUMNS": "60"}).out
    assert "Not reported yet: driver 535.104.05 is now 570.86.10." in narrow
    assert max(map(len, narrow.splitlines())) <= 60
    assert "FACT             VALUE" in narrow, "a table, and no block of lines for each fact"


def test_leaving(server: Server, box: Box, token: Token, nodes: Nodes, address: str) -> None:
    box.run("join", server.url, "--token", token(), "--ip", address)
    kept = box.kept
    assert "--yes" in box.run("leave", code=2).err
    assert box.run("leave", "--yes").out == f"{kept.worker} left {server.url}.\n"
    assert nodes() == []
    assert not box.state.exists()
    answer = httpx2.post(f"{server.url}/v1/auth/obtain", json={"worker": kept.worker, "secret": kept.secret})
    assert answer.status_code == 401
    assert "bayplan worker join" in box.run("leave", "--yes", code=1).err


def test_leaving_a_server_that_has_revoked_the_worker(
    server: Server, box: Box, token: Token, staff: httpx2.Client, address: str
) -> None:
    box.run("join", server.url, "--token", token(), "--ip", address)
    staff.delete(f"/v1/nodes/workers/{box.kept.worker}").raise_for_status()
    assert "did not know" in box.run("leave", "--yes").out
    assert not box.state.exists()


def test_the_status_shows_how_far_scans_are(server: Server, box: Box, token: Token, address: str) -> None:
    box.run("join", server.url, "--token", token(), "--ip", address)
    queue = ScanQueue.beside(box.state)
    references = [f"r.example/team/a@sha256:{letter * 64}" for letter in "abcd"]
    queue.add(references[:2])
    queue.set(QueuedScan(references[2], "scanning", time.time(), 3_200_000_000))
    queue.set(QueuedScan(references[3], "failed", time.time(), detail="A layer is damaged."))
    out = " ".join(box.run("status").out.split())
    assert f"Scanning {references[2]}: 3.2 GB read." in out
    assert f"Not scanned: {references[3]}. A layer is damaged." in out
    assert "Images to be scanned: 2." in out
    scans = json.loads(box.run("status", "--json").out)["scans"]
    assert [scan["state"] for scan in scans] == ["waiting", "waiting", "scanning", "failed"]


def test_the_exit_code_of_the_status_says_what_does_not_work(
    server: Server, box: Box, token: Token, staff: httpx2.Client, address: str
) -> None:
    assert "joined no server" in box.run("status", code=1).err
    box.run("join", server.url, "--token", token(), "--ip", address)
    nowhere = f"unix://{box.folder}/nothing.sock"
    status = json.loads(box.run("status", "--json", "--engine", nowhere, code=5).out)
    assert status["failing"] == ["engine"]
    assert f"No container engine answers at {box.folder}/nothing.sock" in status["troubles"][0]
    box.run("status", code=5, variables={"DOCKER_HOST": nowhere})
    assert "is no address of a container engine" in box.run("status", code=5, variables={"DOCKER_HOST": "ftp://"}).out
    box.fails("NVIDIA-SMI has failed.")
    assert "NVIDIA-SMI has failed" in box.run("status", code=6).out
    staff.delete(f"/v1/nodes/workers/{box.kept.worker}").raise_for_status()
    status = json.loads(box.run("status", "--json", code=4).out)
    assert status["failing"] == ["credential", "hardware"]


def test_nodes_that_staff_removed(server: Server, box: Box, token: Token, staff: httpx2.Client, address: str) -> None:
    box.run("join", server.url, "--token", token(), "--ip", address)
    staff.delete(f"/v1/nodes/{box.kept.nodes[0]}").raise_for_status()
    assert "`bayplan worker run` enters them again" in box.run("status").out


def test_leaving_a_server_that_is_away(tmp_path: Path, box: Box) -> None:
    with running_server(tmp_path / "home") as away:
        made = httpx2.post(
            f"{away.url}/v1/nodes/join-tokens", json={}, headers={"Authorization": f"Bearer {away.token()}"}
        )
        box.run("join", away.url, "--token", made.json()["token"])
    assert "Nothing answers" in box.run("leave", "--yes", code=1).err
    assert "Nothing answers" in box.run("status", code=3).out
    assert box.state.exists()
    box.run("leave", "--yes", "--force")
    assert not box.state.exists()


def test_a_worker_of_one_server_does_not_join_another(server: Server, box: Box, token: Token, address: str) -> None:
    box.run("join", server.url, "--token", token(), "--ip", address)
    assert f"a worker of {server.url}" in box.run("join", "http://127.0.0.1:9", "--token", "join_x", code=1).err


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["--token", "join_nonsense"], 1, "no such join token"),
        (["--token", "eyJ"], 1, "ask staff for a join token (`bayplan nodes join-token`)"),
        (["--token", "n\u00f6"], 1, "no join token"),
        ([], 2, "--token"),
        (["--token", "a", "--token-stdin"], 2, "--token"),
        (["--token", "join_nonsense", "--state", "/dev/null/worker.json"], 1, "cannot be read"),
    ],
)
def test_what_cannot_be_joined_is_a_sentence(
    server: Server, box: Box, address: str, arguments: list[str], code: int, message: str
) -> None:
    assert message in box.run("join", server.url, *arguments, "--ip", address, code=code).err
    assert not box.state.exists()


def test_a_server_that_is_not_there(box: Box) -> None:
    assert "Nothing answers" in box.run("join", "http://127.0.0.1:9", "--token", "join_x", code=1).err


def test_a_driver_that_does_not_answer_uses_no_token_up(
    server: Server, box: Box, token: Token, nodes: Nodes, address: str
) -> None:
    box.fails("NVIDIA-SMI has failed.")
    error = box.run("join", server.url, "--token", token(), "--ip", address, code=1).err
    assert "NVIDIA-SMI has failed" in error
    assert "--no-gpu" in error
    assert nodes() == []


def test_staff_make_tokens_see_workers_and_revoke_them(server: Server, box: Box, address: str) -> None:
    from tests.cli.conftest import Shell
    from tests.cli.test_images import rows

    shell = Shell(box.folder / "staff", {"server": server.url, "token": server.token()})
    made = shell.run("nodes", "join-token", "--expires-in", "15m", "--uses", "2")
    assert "Valid for 2 machines until" in made.err
    box.run("join", server.url, "--token", made.out.strip(), "--ip", address)
    listed = shell.run("nodes", "workers").out
    assert box.kept.worker in listed
    (line,) = [line for line in rows(listed) if address in line]
    assert line[2] == "2"
    assert all(moment == "just now" or moment.endswith(" ago") for moment in line[3:])
    key = shell.run("nodes", "join-tokens", "-o", "name").out.split()[-1]
    (line,) = [line for line in rows(shell.run("nodes", "join-tokens").out) if line[0] == key]
    assert (line[1], line[4]) == ("1 of 2", "admin")
    assert line[3] != "never"
    asked = shell.run("nodes", "revoke-join-token", key, code=2).err
    assert f"Error: Revoke the join token {key} (for 1 machine more)?" in asked
    assert shell.run("nodes", "revoke-join-token", key, "--yes").out == f"Revoked the join token {key}.\n"
    assert "join-tokens` lists" in shell.run("nodes", "revoke-join-token", key, "--yes", code=1).err
    assert "was revoked" in box.run("join", server.url, "--token", made.out.strip(), "--ip", address, code=1).err
    assert shell.run("nodes", "revoke", box.kept.worker, "--nodes", "-y").out == (
        f"Revoked {box.kept.worker} and removed its nodes.\n"
    )
    assert "There is no worker" in shell.run("nodes", "revoke", box.kept.worker, code=1).err
    assert "not a duration" in shell.run("nodes", "join-token", "--expires-in", "soon", code=2).err
