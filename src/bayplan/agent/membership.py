"""Joining a server, telling it what has changed, and leaving: what the commands and the running worker have in common."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict

from bayplan.agent import credential, probe, report
from bayplan.agent.credential import AgentState
from bayplan.client import Client
from bayplan.client.transport import server_address
from bayplan.errors import BayplanError, Conflict, NotFound, Unauthenticated, Unreachable

if TYPE_CHECKING:
    from bayplan.schemas.nodes import NodeAnswer
    from bayplan.schemas.workers import JoinAnswer

TIMEOUT_SECONDS = 30


def join(path: Path, server: str, token: str, *, ip: str | None, without_gpu: bool) -> Sequence[NodeAnswer]:
    """Joins, or joins again, and keeps the credential; gives this machine's nodes. Raises what the server refuses."""
    url = server_address(server)
    try:
        before = credential.read(path)
    except NotFound:
        before = None
    if before is not None and before.server != url:
        raise Conflict(f"This machine is a worker of {before.server}: run `bayplan worker leave` first.")
    credential.writable(path)
    body = report.body(probe.machine(without_gpu=without_gpu), ip or probe.address_towards(url))
    with Client(url, token=token, timeout_seconds=TIMEOUT_SECONDS) as client:
        try:
            joined = client.nodes.join(body)
        except Conflict as refused:
            if refused.code != "worker_alive" or before is None or not _is_known(before, body):
                raise
            joined = client.nodes.join(body)
    assert joined["secret"] is not None
    pks = tuple(node["pk"] for node in joined["nodes"])
    credential.write(path, AgentState(url, joined["worker"], joined["secret"], ip, without_gpu, pks, body))
    return joined["nodes"]


def _is_known(before: AgentState, body: report.Body) -> bool:
    """Reports by the credential from before, so that the server knows this machine wherever it asks from now; False where it cannot.

    Only for the address that it had: a copy of a machine's disk has its credential too, and must not move its nodes.
    """
    if before.reported.get("ip") != body["ip"]:
        return False
    try:
        with connect(before) as client:
            client.nodes.join(body)
    except Unauthenticated:
        return False
    return True


def connect(known: AgentState) -> Client:
    """Gives a client that logs in as this worker, again whenever that is needed."""
    return Client(known.server, worker=known.worker, secret=known.secret, timeout_seconds=TIMEOUT_SECONDS)


def current(known: AgentState) -> report.Body:
    """Gives what the machine would report now; raises `CannotProbe`, or `Invalid` where there is no way to the server."""
    ip = known.ip or probe.address_towards(known.server)
    return report.body(probe.machine_seen_afresh(without_gpu=known.without_gpu), ip)


def tell(client: Client, path: Path, known: AgentState, body: report.Body) -> AgentState:
    """Tells the server what the machine is now, and keeps and gives the new state."""
    joined: JoinAnswer = client.nodes.join(body)
    new = replace(known, nodes=tuple(node["pk"] for node in joined["nodes"]), reported=body)
    credential.update(path, new)
    return new


class Status(TypedDict):
    """What a worker is to its server: its nodes as they are there, what it has not reported yet, and what could not be found out."""

    server: str
    worker: str
    nodes: list[NodeAnswer]
    changes: list[str]
    troubles: list[str]


NODES_GONE = (
    "The catalogue does not have all nodes of this machine any more; `bayplan worker run` enters them again, and so does "
    "`bayplan worker join`."
)


def status(known: AgentState) -> Status:
    """Gives how things stand; what cannot be found out is said in `troubles`."""
    found: Status = {"server": known.server, "worker": known.worker, "nodes": [], "changes": [], "troubles": []}
    try:
        with connect(known) as client:
            found["nodes"] = [client.nodes.get(pk) for pk in known.nodes]
    except NotFound:
        found["troubles"].append(NODES_GONE)
    except BayplanError as error:
        found["troubles"].append(error.detail)
    try:
        found["changes"] = report.differences(known.reported, current(known))
    except BayplanError as error:
        found["troubles"].append(error.detail)
    return found


def leave(path: Path, *, force: bool) -> bool:
    """Ends the credential, removes this machine's nodes and forgets the server; gives whether the server still knew it.

    Raises `Unreachable` where the server cannot be told, and does nothing then, unless by `force`.
    """
    known = credential.read(path)
    knew = True
    try:
        with connect(known) as client:
            client.nodes.revoke(known.worker, nodes=True)
    except (Unauthenticated, NotFound):
        knew = False
    except Unreachable:
        if not force:
            raise
        knew = False
    credential.forget(path)
    return knew
