"""A fleet of workers over PostgreSQL: `make bench-fleet` prints what they were answered, and how soon."""

import argparse
import asyncio
import json
import random
import tempfile
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from statistics import quantiles
from typing import Any

from tests import catalogue
from tests.postgres import running_postgres
from tests.process import Server

from benchmarks.servers import running_server

Body = dict[str, Any]
JOINING = 20
"""At once: machines are set up one after another, and then beat together."""
ANSWER_TIMEOUT_SECONDS = 300


@dataclass
class Measured:
    """Statuses and seconds of the answers, by request."""

    statuses: Counter[tuple[str, int]] = field(default_factory=Counter)
    seconds: dict[str, list[float]] = field(default_factory=dict)


@dataclass
class Agent:
    """A worker on a connection of its own: HTTP by hand, since the client must cost less than the server."""

    port: int
    ip: str
    measured: Measured
    authorization: str = ""
    node: int = 0
    streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def request(self, name: str, method: str, path: str, body: Body | None = None) -> Body:
        """Sends a request and gives the answer."""
        begin = time.perf_counter()
        if self.streams is None:
            self.streams = await asyncio.open_connection("127.0.0.1", self.port)
        reader, writer = self.streams
        content = b"" if body is None else json.dumps(body).encode()
        head = f"{method} {path} HTTP/1.1\r\nHost: bench\r\nAuthorization: {self.authorization}\r\nNode-Id: {self.node or ''}\r\n"
        if not self.node:
            head = head.replace("Node-Id: \r\n", "")
        writer.write(
            f"{head}Content-Type: application/json\r\nContent-Length: {len(content)}\r\n\r\n".encode() + content
        )
        async with asyncio.timeout(ANSWER_TIMEOUT_SECONDS):
            answer = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
            length = int(answer.partition("content-length: ")[2].partition("\r\n")[0] or 0)
            content = await reader.readexactly(length)
        self.measured.statuses[name, int(answer.split()[1])] += 1
        self.measured.seconds.setdefault(name, []).append(time.perf_counter() - begin)
        return json.loads(content) if content else {}

    async def join(self, token: str) -> None:
        """Joins with one node, and logs in."""
        self.authorization = f"Bearer {token}"
        joined = await self.request("join", "POST", "/v1/nodes/join", catalogue.machine(1, ip=self.ip))
        login = {"worker": joined["worker"], "secret": joined["secret"]}
        self.authorization = ""
        self.authorization = f"Bearer {(await self.request('log in', 'POST', '/v1/auth/obtain', login))['access']}"
        self.node = joined["nodes"][0]["pk"]
        self._disconnect()

    async def beat(self, seconds: float) -> None:
        """What an agent does at each beat, and a match, at some moment within so many seconds."""
        await asyncio.sleep(random.uniform(0, seconds))  # no secret
        await self.request("heartbeat", "GET", "/v1/nodes/ping")
        await self.request("desired images", "GET", "/v1/prefetch/wanted")
        await self.request("inventory", "PUT", "/v1/prefetch/holdings", {"images": []})
        await self.request("match", "POST", "/v1/docker/match", {"node": self.node})
        self._disconnect()

    def _disconnect(self) -> None:
        if self.streams is not None:  # the server ends what is idle, and that is not measured here
            self.streams[1].close()
            self.streams = None


async def _fleet(server: Server, agents: int, beats: int, seconds: float) -> Measured:
    with server.client() as staff:
        token = staff.post("/v1/nodes/join-tokens", json={"uses": agents}).raise_for_status().json()["token"]
    joining, measured = Measured(), Measured()
    fleet = [Agent(server.port, f"10.1.{number // 250}.{number % 250 + 1}", joining) for number in range(agents)]
    for at in range(0, agents, JOINING):
        await _all(fleet[at : at + JOINING], lambda agent: agent.join(token))
    for agent in fleet:
        agent.measured = measured
    for _ in range(beats):
        await _all(fleet, lambda agent: agent.beat(seconds))
    measured.statuses += joining.statuses
    measured.seconds |= joining.seconds
    return measured


async def _all(fleet: list[Agent], work: Callable[[Agent], Awaitable[None]]) -> None:
    await asyncio.gather(*(work(agent) for agent in fleet))


def main() -> None:
    """Runs it and prints a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--agents", type=int, default=2000)
    parser.add_argument("--beats", type=int, default=2)
    parser.add_argument("--seconds", type=float, default=60, help="of one beat; 0 lets all ask at the same moment")
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--connections", type=int, default=10)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as home, running_postgres() as cluster:
        settings = {
            "database": cluster.create("fleet"),
            "processes": str(options.processes),
            "database_connections": str(options.connections),
            "log_level": "error",
        }
        with running_server(Path(home) / "home", **settings) as server:
            server.stock()
            measured = asyncio.run(_fleet(server, options.agents, options.beats, options.seconds))
            log = server.log
    print("| request | answers | median | slowest 1% |\n| --- | --- | --- | --- |")
    for name, seconds in measured.seconds.items():
        statuses = ", ".join(
            f"{count:,} of {status}" for (of, status), count in measured.statuses.items() if of == name
        )
        cuts = quantiles(seconds, n=100)
        print(f"| {name} | {statuses} | {cuts[49]:.2f} s | {cuts[98]:.2f} s |")
    print(log)


if __name__ == "__main__":
    main()
