"""Joining a server, reporting to it, and leaving it: for the commands and the running agent."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypedDict

from bayplan.agent import credential, fact_status, probe_process, report
from bayplan.agent.credential import AgentState
from bayplan.agent.devices import Devices
from bayplan.agent.fact_status import FactStatus
from bayplan.agent.hardware import Machine
from bayplan.agent.machine_fact import MachineFact
from bayplan.agent.probe_process import RunningProbe
from bayplan.client import Client
from bayplan.client.transport import server_address
from bayplan.clock import timestamp, utc_now
from bayplan.domain.machine_address import machine_address
from bayplan.errors import BayplanError, Conflict, Forbidden, Invalid, NotFound, Unauthenticated, Unreachable

if TYPE_CHECKING:
    from bayplan.schemas.nodes import NodeAnswer
    from bayplan.schemas.workers import JoinAnswer

TIMEOUT_SECONDS = 30


def join(
    path: Path,
    server: str,
    token: str,
    *,
    ip: str | None,
    without_gpu: bool,
    read_machine: Callable[..., Machine] = probe_process.machine_in_new_process,
    warn: Callable[[str], None] = lambda _: None,
) -> Sequence[NodeAnswer]:
    """Joins, or joins again, and keeps the credential; gives this machine's nodes. Raises the server's errors.

    A GPU that does not answer is told to `warn`, and the others join.
    """
    url = server_address(server)
    try:
        before = credential.read(path)
    except NotFound:
        before = None
    if before is not None and before.server != url:
        raise Conflict(f"This machine is a worker of {before.server}: run `bayplan worker leave` first.")
    credential.writable(path)
    ip = None if ip is None else _address(ip)
    machine, address = read_machine(without_gpu=without_gpu), ip or probe_process.address_towards(url)
    known = before if before and _reported_address(before) == address else None
    current = _current(machine, address, known, before.devices if before else {})
    body = current.body
    if "fault" in body:
        warn(f"{body['fault']}. The rest is reported now, and this when it answers.")
    with Client(url, token=token, timeout_seconds=TIMEOUT_SECONDS) as client:
        try:
            joined = client.nodes.join(body)
        except Conflict as conflict:
            if conflict.code != "worker_alive" or before is None or not _report_by_old_credential(before, body):
                raise
            joined = client.nodes.join(body)
    assert joined["secret"] is not None
    pks = tuple(node["pk"] for node in joined["nodes"])
    state = AgentState(url, joined["worker"], joined["secret"], ip, without_gpu, pks, body)
    credential.write(path, _with(state, current))
    return joined["nodes"]


def _address(text: str) -> str:
    try:
        return machine_address(text)
    except Invalid as error:
        raise Invalid(f"The address {text!r} {error.detail}.", code=error.code) from None


def _reported_address(state: AgentState) -> str | None:
    """Gives the address of the last report in its one form; None for one that is of no form that is taken today."""
    ip = state.reported.get("ip")
    try:
        return None if ip is None else machine_address(ip)
    except Invalid:
        return None


def _report_by_old_credential(before: AgentState, body: report.Body) -> bool:
    """Reports with the previous credential, which proves to the server that this is the same machine; False where that fails.

    Only for the address of the last report: a copy of a machine's disk has its credential too, and must not move its nodes.
    """
    if _reported_address(before) != body["ip"]:
        return False
    try:
        with connect(before) as client:
            client.nodes.join(body)
    except Unauthenticated:
        return False
    return True


def connect(state: AgentState) -> Client:
    """Gives a client that authenticates as this worker."""
    return Client(state.server, worker=state.worker, secret=state.secret, timeout_seconds=TIMEOUT_SECONDS)


@dataclass(frozen=True, slots=True)
class CurrentReport:
    """The machine as it is now: its report, its nodes' devices, when each fact was read, and the facts; None where it cannot be probed."""

    body: report.Body
    devices: dict[str, dict[str, Any]]
    measured: dict[str, str]
    facts: Mapping[str, MachineFact] | None


def current(state: AgentState, probing: RunningProbe | None = None) -> CurrentReport:
    """Gives the report of the machine as it is now, with a `fault` where it cannot be probed; raises `Invalid` where there is no
    route to the server. `probing` is a probe that runs already."""
    ip = state.ip or probe_process.address_towards(state.server)
    try:
        machine = (probing or RunningProbe(without_gpu=state.without_gpu)).machine()
    except probe_process.CannotProbe as error:
        body = report.as_before(state.reported, ip, error.detail)
        return CurrentReport(body, state.devices, state.measured, None)
    return _current(machine, ip, state, state.devices)


def _current(machine: Machine, ip: str, before: AgentState | None, devices: Devices) -> CurrentReport:
    body = report.body(machine, ip, before.reported if before else None, devices)
    measured = report.times(machine, devices, timestamp(utc_now()), before.measured if before else {})
    return CurrentReport(body, report.devices_of(machine, body, devices), measured, machine.facts)


def _with(state: AgentState, current: CurrentReport) -> AgentState:
    return replace(state, reported=current.body, devices=current.devices, measured=current.measured)


def report_to(client: Client, path: Path, state: AgentState, current: CurrentReport) -> AgentState:
    """Reports the machine, and writes and gives the new state."""
    joined: JoinAnswer = client.nodes.join(current.body)
    new = _with(replace(state, nodes=tuple(node["pk"] for node in joined["nodes"])), current)
    credential.update(path, new)
    return new


def remember(path: Path, state: AgentState, current: CurrentReport) -> AgentState:
    """Writes and gives the state with the devices of today, of a machine that has nothing to report."""
    new = replace(state, devices=current.devices)
    credential.update(path, new)
    return new


FailingPart = Literal["server", "credential", "engine", "hardware"]


class Status(TypedDict):
    """This machine's nodes at its server, its engine, its facts as measured now, what is not reported yet, and the scans of its images.

    `troubles` are sentences about all of these, and `failing` the parts that do not work.
    """

    server: str
    worker: str
    nodes: list[NodeAnswer]
    engine: str | None
    changes: list[str]
    facts: list[FactStatus]
    scans: list[dict[str, Any]]
    troubles: list[str]
    failing: list[FailingPart]


NODES_GONE = (
    "The catalogue does not have all nodes of this machine any more: `bayplan worker run` enters them again, and so does "
    "`bayplan worker join`."
)


def status(
    path: Path, state: AgentState, engine: str | None = None, meanwhile: Callable[[], object] = lambda: None
) -> Status:
    """Gives this machine's status: reads its nodes at the server while it probes the hardware.

    `engine` is the engine's address, None for the machine's own. `meanwhile` is called before the probe is waited for.
    """
    from bayplan.agent.scan_queue import ScanQueue

    answer: Status = {
        "server": state.server,
        "worker": state.worker,
        "nodes": [],
        "engine": None,
        "changes": [],
        "facts": [],
        "scans": [asdict(entry) for entry in ScanQueue.beside(path).entries()],
        "troubles": [],
        "failing": [],
    }

    def fails(part: FailingPart, detail: str) -> None:
        answer["failing"].append(part)
        answer["troubles"].append(detail)

    with ExitStack() as stack:  # one connection for all that is asked
        probing = stack.enter_context(RunningProbe(without_gpu=state.without_gpu))
        client = None
        try:
            client = stack.enter_context(connect(state))
            answer["nodes"] = [client.nodes.get(pk) for pk in state.nodes]
        except NotFound:
            answer["troubles"].append(NODES_GONE)
        except (Unauthenticated, Forbidden) as error:
            fails("credential", error.detail)
        except BayplanError as error:
            fails("server", error.detail)
        try:
            answer["engine"] = _engine(path, engine, None if answer["failing"] else client)
        except BayplanError as error:
            fails("engine", error.detail)
        meanwhile()
        try:
            current_report = current(state, probing)
            body = current_report.body
            answer["changes"] = report.differences(state.reported, body)
            answer["facts"] = fact_status.of(body, current_report.facts, current_report.measured)
            if "fault" in body:
                fails("hardware", f"{body['fault'].rstrip('.')}.")
        except BayplanError as error:
            fails("hardware", error.detail)
    return answer


def _engine(path: Path, address: str | None, client: Client | None) -> str | None:
    """Gives the engine's name, release and address; None for a machine without an engine that needs none.

    `client` is None where its server does not answer, and is not to be asked.
    """
    from bayplan.agent import docker_config, engine, engine_address

    try:
        with engine.connect(address) as connected:
            return f"{connected.name} {connected.version} at {connected.address.removeprefix('unix://')}"
    except BayplanError as error:
        is_named = engine_address.find(address, docker_config.load()) is not None
        if error.code == "engine_not_running" and not is_named and not _has_images(path, client):
            return None
        raise


def _has_images(path: Path, client: Client | None) -> bool:
    """Whether images were prefetched on this machine, or are desired on it, as far as its server tells."""
    from bayplan.agent import owned_images

    if owned_images.is_any(owned_images.beside(path), ""):
        return True
    if client is None:
        return False
    try:
        desired = client.prefetch.desired_images()
    except BayplanError:  # of a server without prefetching
        return False
    return desired is not None and bool(desired[0]["images"])


def leave(path: Path, *, force: bool) -> bool:
    """Ends the credential, removes this machine's nodes and forgets the server; gives whether the server still knew it.

    Raises `Unreachable`, and changes nothing, where the server does not answer, unless by `force`.
    """
    state = credential.read(path)
    was_there = True
    try:
        with connect(state) as client:
            client.nodes.revoke(state.worker, nodes=True)
    except (Unauthenticated, NotFound):
        was_there = False
    except Unreachable:
        if not force:
            raise
        was_there = False
    credential.forget(path)
    return was_there
