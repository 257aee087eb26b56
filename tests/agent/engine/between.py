"""A small server in front of a real registry, which holds back, refuses or exchanges what a test says."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx2

from tests.agent.engine.images import Pushed
from tests.registry.running import Registry


@dataclass
class Between:
    """A server in front of a registry, which answers as a test says."""

    port: int
    registry: Registry
    held_back: str | None = None  # of this blob, half is sent, and then nothing
    is_silent: bool = False  # accepts requests for manifests, and says nothing
    refusal: tuple[int, str] | None = None  # what manifests are answered with: a status and an error code
    sent_instead: dict[str, str] = field(
        default_factory=dict
    )  # what manifests are answered with: that of another digest
    half_is_sent: threading.Event = field(default_factory=threading.Event)
    end: threading.Event = field(default_factory=threading.Event)

    @property
    def host(self) -> str:
        """Its name in references."""
        return f"127.0.0.1:{self.port}"


@contextmanager
def between(registry: Registry) -> Iterator[Between]:
    """Such a server, until the block ends."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:  # the name that the method has to have
            path = self.path
            if "/manifests/" in path and server.is_silent:
                self.close_connection = True
                server.end.wait(60)
                return None
            if "/manifests/" in path and server.refusal is not None:
                status, code = server.refusal
                return self.answer(
                    status, {}, json.dumps({"errors": [{"code": code, "message": code.lower()}]}).encode()
                )
            for digest, other in server.sent_instead.items():
                path = path.replace(digest, other)
            accept = ", ".join(self.headers.get_all("Accept") or ["*/*"])
            answer = httpx2.get(f"http://{registry.host}{path}", headers={"Accept": accept})
            kept = ("content-type", "docker-content-digest", "docker-distribution-api-version")
            headers = {name: value for name, value in answer.headers.items() if name in kept}
            if path != self.path:
                headers["docker-content-digest"] = self.path.rpartition("/")[2]
            return self.answer(answer.status_code, headers, answer.content)

        def do_HEAD(self) -> None:  # the name that the method has to have
            self.do_GET()

        def answer(self, status: int, headers: dict[str, str], body: bytes) -> None:
            self.send_response(status)
            for name, value in (headers | {"Content-Length": str(len(body))}).items():
                self.send_header(name, value)
            self.end_headers()
            if self.command == "HEAD":
                return
            if server.held_back is not None and self.path.endswith(server.held_back):
                self.wfile.write(body[: len(body) // 2])
                self.wfile.flush()
                server.half_is_sent.set()
                server.end.wait(60)
                self.close_connection = True
                return
            self.wfile.write(body)

        def log_message(self, *words: Any) -> None:
            pass

    class Http(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *about: Any) -> None:
            """Who hangs up is no error of the tests'."""

    with Http(("127.0.0.1", 0), Handler) as http:
        server = Between(http.server_address[1], registry)
        thread = threading.Thread(target=http.serve_forever)
        thread.start()
        try:
            yield server
        finally:
            server.end.set()
            http.shutdown()
            thread.join()


def in_front(pushed: Pushed, server: Between) -> dict[str, str]:
    """The changes with which an image of the catalogue lies behind such a server."""
    return {"url": f"{server.host}/{pushed.repository}:{pushed.tag}", "registry": f"http://{server.host}"}
