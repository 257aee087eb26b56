"""`bayplan worker run` as a process, against a real server that goes, comes back, and takes its rights away."""

import json
import signal
import socket
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.agent.box import Box, until
from tests.agent.documents import A6000, T4
from tests.process import Server, running_server

Nodes = Callable[[], list[dict[str, Any]]]
PROMISED_MEMORY_KB = 40 * 1024


@pytest.fixture
def joined(server: Server, box: Box, token: Callable[[], str], address: str) -> Box:
    """The machine after it has joined."""
    box.join(server.url, token(), address)
    return box


def memory_kb(pid: int) -> int:
    """The most memory that a process has had."""
    (line,) = (line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1])


def test_it_keeps_its_nodes_seen_in_little_memory(joined: Box, nodes: Nodes) -> None:
    before = [node["last_seen"] for node in nodes()]
    with joined.running_command() as worker:
        until(lambda: all(node["last_seen"] > old for node, old in zip(nodes(), before, strict=True)), lambda: "seen")
        between = [node["last_seen"] for node in nodes()]
        until(lambda: all(node["last_seen"] > old for node, old in zip(nodes(), between, strict=True)), lambda: "again")
        assert memory_kb(worker.process.pid) < PROMISED_MEMORY_KB
        assert worker.output.count("\n") == 1, worker.output


def test_it_reports_what_has_changed(joined: Box, nodes: Nodes) -> None:
    pks = [node["pk"] for node in nodes()]
    with joined.running() as worker:
        joined.has("570.86.10", A6000, T4)
        worker.until_printed("driver 535.104.05 is now 570.86.10")
        until(lambda: nodes()[1]["gpu_name"] == "Tesla T4", lambda: str(nodes()))
        assert [node["pk"] for node in nodes()] == pks
        joined.has("570.86.10", A6000)
        worker.until_printed("GPU 1 (Tesla T4) is gone")
        until(lambda: len(nodes()) == 1, lambda: str(nodes()))
        joined.has("570.86.10", A6000, T4)
        until(lambda: len(nodes()) == 2, lambda: str(nodes()))
        assert joined.kept.reported["driver_version"] == "570.86.10"


def test_what_changed_while_it_did_not_run_is_reported_at_its_start(joined: Box, nodes: Nodes) -> None:
    joined.has("570.86.10", A6000, A6000)
    with joined.running():
        until(lambda: nodes()[0]["driver_version"] == "570.86.10", lambda: str(nodes()))


def test_a_driver_in_a_bad_hour_takes_no_node_away(joined: Box, nodes: Nodes) -> None:
    with joined.running() as worker:
        joined.fails("NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver.")
        worker.until_printed("couldn't communicate with the NVIDIA driver")
        last_seen = nodes()[1]["last_seen"]
        until(lambda: nodes()[1]["last_seen"] > last_seen, lambda: "it goes on pinging")
        assert worker.output.count("couldn't communicate") == 1
        joined.fails(None)
        joined.has("570.86.10", A6000, A6000)
        until(lambda: nodes()[0]["driver_version"] == "570.86.10", lambda: str(nodes()))


@pytest.fixture
def by_nvml(server: Server, tmp_path: Path, nvml: dict[str, str], token: Callable[[], str], address: str) -> Box:
    """A machine that has joined with two GPUs by NVML, whose calls fail as the file `failures` says. It has no nvidia-smi."""
    box = Box(tmp_path, nvml | {"NVML_FAILURES_FILE": str(tmp_path / "failures")})
    box.run("join", server.url, "--token", token(), "--ip", address)
    return box


def fault_of(staff: httpx2.Client, address: str) -> str | None:
    """What the server knows of a machine that cannot be probed."""
    (worker,) = (entry for entry in staff.post("/v1/nodes/workers/list").json() if entry["ip"] == address)
    fault: str | None = worker.get("fault")
    return fault


def test_an_nvml_that_fails_takes_no_node_away(by_nvml: Box, nodes: Nodes, staff: httpx2.Client) -> None:
    before = [node | {"last_seen": None} for node in nodes()]
    address = nodes()[0]["ip"]
    failures = by_nvml.folder / "failures"

    def server_has(text: str) -> bool:
        return text in (fault_of(staff, address) or "")

    def is_seen_after(moment: str) -> bool:
        return bool(nodes()[1]["last_seen"] > moment)

    with by_nvml.running() as worker:
        worker.until_printed("runs for")
        for failure, text in (
            ("handle:0:15 handle:1:15", "GPU 0 does not answer (NVML: GPU is lost)"),
            ("init:0:9", "Driver Not Loaded"),
            ("count:0:999", "NVML: Unknown Error"),
            ("handle:1:15", "GPU 1 does not answer (NVML: GPU is lost)"),
            ("capability:0:4 memory:1:3", "GPU 0 does not answer (NVML: Insufficient Permissions)"),
        ):
            failures.write_text(failure)
            worker.until_printed(text)
            until(partial(server_has, text), lambda: worker.output)
            last_seen = nodes()[1]["last_seen"]
            until(partial(is_seen_after, last_seen), lambda: "it goes on pinging")
        failures.unlink()
        worker.until_printed("all hardware answers again")
        until(lambda: fault_of(staff, address) is None, lambda: worker.output)
        assert worker.output.count("Reported") == 6, worker.output
    assert [node | {"last_seen": None} for node in nodes()] == before
    assert [node["gpu_name"] for node in nodes()] == ["NVIDIA RTX A6000", "NVIDIA H100 80GB HBM3"]


def test_a_lost_gpu_stays_as_it_was_and_the_others_are_reported(
    by_nvml: Box, nodes: Nodes, staff: httpx2.Client
) -> None:
    first, second = nodes()
    (by_nvml.folder / "failures").write_text("handle:1:15 capability:0:13")
    with by_nvml.running() as worker:
        worker.until_printed("compute capability of GPU 0 8.6 is now not known")
        until(lambda: nodes()[0]["compute_capability"] is None, lambda: str(nodes()))
        assert nodes()[1]["compute_capability"] == second["compute_capability"]
        staff.delete(f"/v1/nodes/{second['pk']}").raise_for_status()
        until(lambda: len(nodes()) == 2, lambda: str(nodes()))
        assert nodes()[1]["gpu_name"] == second["gpu_name"]
        status = json.loads(by_nvml.run("status", "--json", code=6).out)
        assert status["changes"] == []
        assert "GPU 1 does not answer (NVML: GPU is lost)" in status["troubles"][0]
    assert nodes()[0]["pk"] == first["pk"]


def test_a_machine_joins_without_its_lost_gpu_which_is_a_node_later(
    server: Server, by_nvml: Box, token: Callable[[], str], nodes: Nodes, staff: httpx2.Client
) -> None:
    address = nodes()[0]["ip"]
    by_nvml.run("leave", "--yes")
    failures = by_nvml.folder / "failures"
    failures.write_text("name:0:999")
    ended = by_nvml.run("join", server.url, "--token", token(), "--ip", address)
    assert "GPU 0 does not answer (NVML: Unknown Error). The rest is reported now" in ended.err
    assert [node["index"] for node in nodes()] == [1]
    with by_nvml.running():
        failures.unlink()
        until(lambda: [node["index"] for node in nodes()] == [0, 1], lambda: str(nodes()))


def test_a_machine_with_a_lost_gpu_that_joins_by_another_spelling_keeps_its_nodes(
    server: Server, by_nvml: Box, token: Callable[[], str], nodes: Nodes
) -> None:
    before = [node["pk"] for node in nodes()]
    (by_nvml.folder / "failures").write_text("handle:1:15")
    by_nvml.run("join", server.url, "--token", token(), "--ip", f"{nodes()[0]['ip'].upper()}.")
    assert [node["pk"] for node in nodes()] == before
    assert list(by_nvml.kept.nodes) == before
    ended = by_nvml.run("join", server.url, "--token", token(), "--ip", "no address", code=1)
    assert "'no address' must be an IP address or a host name" in ended.err


def test_a_node_that_staff_removed_is_reported_again(joined: Box, nodes: Nodes, staff: httpx2.Client) -> None:
    first, second = nodes()
    with joined.running():
        staff.delete(f"/v1/nodes/{first['pk']}").raise_for_status()
        until(lambda: len(nodes()) == 2, lambda: str(nodes()))
        assert nodes()[0]["pk"] != first["pk"]
        assert nodes()[1]["pk"] == second["pk"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_stops_at_once_at_a_signal(joined: Box, number: signal.Signals) -> None:
    with joined.running_command("--interval", "1h") as worker:
        worker.until_printed("runs for")
        worker.process.send_signal(number)
        assert worker.process.wait(10) == 0
        assert worker.output.count("\n") == 1, worker.output


def test_it_ends_with_a_sentence_when_revoked(joined: Box, staff: httpx2.Client) -> None:
    with joined.running() as worker:
        worker.until_printed("runs for")
        staff.delete(f"/v1/nodes/workers/{joined.kept.worker}").raise_for_status()
        assert worker.process.wait(30) == 1
        assert "it was revoked, or joined again elsewhere" in worker.output
        assert "bayplan worker join" in worker.output


def test_it_goes_on_when_the_machine_joins_again(
    joined: Box, server: Server, token: Callable[[], str], nodes: Nodes, address: str
) -> None:
    first = joined.kept
    with joined.running() as worker:
        worker.until_printed("runs for")
        joined.run("join", server.url, "--token-stdin", "--ip", address, typed=token() + "\n")
        assert joined.kept.secret != first.secret
        worker.until_printed("This machine has joined again")
        before = nodes()[0]["last_seen"]
        until(lambda: nodes()[0]["last_seen"] > before, lambda: worker.output)
        worker.process.send_signal(signal.SIGTERM)
        assert worker.process.wait(30) == 0


def test_it_ends_when_the_machine_leaves(joined: Box) -> None:
    with joined.running() as worker:
        worker.until_printed("runs for")
        joined.run("leave", "--yes")
        assert worker.process.wait(30) == 1
        assert "This machine has joined no server" in worker.output
    assert not joined.state.exists()


def test_a_second_agent_refuses(joined: Box) -> None:
    with joined.running_command() as first:
        first.until_printed("runs for")
        link = joined.folder / "link.json"
        link.symlink_to(joined.state)
        for state in (joined.state, link):
            error = joined.run("run", "--state", str(state), code=1).err
            assert f"Another agent (process {first.process.pid}) runs with {state}" in error
        joined.run("status")
        first.process.kill()
        first.process.wait(10)
    with joined.running_command() as second:  # the lock of one that was killed is free
        second.until_printed("runs for")
        second.process.send_signal(signal.SIGTERM)
        assert second.process.wait(10) == 0
    assert [path.name for path in joined.state.parent.iterdir()] == [joined.state.name]


def test_it_outlives_its_server(tmp_path: Path, box: Box) -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = str(listener.getsockname()[1])
    home = tmp_path / "home"

    def staff(server: Server) -> httpx2.Client:
        return httpx2.Client(base_url=server.url, headers={"Authorization": f"Bearer {server.token()}"}, timeout=30)

    def last_seen(server: Server) -> str:
        with staff(server) as client:
            return str(client.get(f"/v1/nodes/{box.kept.nodes[0]}").json()["last_seen"])

    with running_server(home, "--port", port) as server, staff(server) as client:
        made = client.post("/v1/nodes/join-tokens", json={}).json()["token"]
        box.run("join", server.url, "--token", made)
    with box.running() as worker:
        worker.until_printed("Nothing answers")
        box.has("570.86.10", A6000, A6000)
        with running_server(home, "--port", port) as server:
            worker.until_printed("answers again")
            until(lambda: box.kept.reported["driver_version"] == "570.86.10", lambda: worker.output)
            before = last_seen(server)
            until(lambda: last_seen(server) > before, lambda: worker.output)
        with running_server(home, "--port", port) as server:
            before = last_seen(server)
            until(lambda: last_seen(server) > before, lambda: worker.output)
        # While it waits for a server that is away, too.
        until(lambda: worker.output.count("Nothing answers") + worker.output.count("broke") >= 2, lambda: worker.output)
        worker.process.terminate()
        assert worker.process.wait(5) == 0


def test_no_secret_is_in_a_log(joined: Box, server: Server, home: Path) -> None:
    with joined.running() as worker:
        worker.until_printed("runs for")
        until(lambda: "/v1/nodes/ping" in server.log, lambda: "a ping in the server's log")
        assert joined.kept.secret not in worker.output
    assert joined.kept.secret not in server.log
    assert "join_" not in server.log
