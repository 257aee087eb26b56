"""A small real token service for the registry: checks the credentials, signs a token for what may be pulled."""

import base64
import contextlib
import threading
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import jwt
import orjson

from tests.registry.certificates import Certificate

ISSUER = "bayplan tests"
SERVICE = "registry of the tests"


@dataclass
class TokenServer:
    """Where it listens, and what it was asked."""

    port: int = 0
    asked: list[dict[str, list[str]]] = field(default_factory=list)

    @property
    def realm(self) -> str:
        """The address that the registry announces."""
        return f"http://127.0.0.1:{self.port}/token"


def _token(certificate: Certificate, user: str, scopes: list[str]) -> str:
    now = int(time.time())
    access = []
    for scope in scopes:
        kind, name, actions = scope.rsplit(":", 1)[0].partition(":")[0], scope.split(":")[1], scope.rsplit(":", 1)[1]
        access.append({"type": kind, "name": name, "actions": actions.split(",")})
    claims = {"iss": ISSUER, "sub": user, "aud": SERVICE, "exp": now + 300, "nbf": now - 10, "iat": now}
    header = {"x5c": [base64.b64encode(certificate.der).decode()]}
    claims |= {"jti": uuid.uuid4().hex, "access": access}
    return jwt.encode(claims, certificate.key.read_bytes(), algorithm="RS256", headers=header)


@contextlib.contextmanager
def running_token_server(certificate: Certificate, username: str, password: str) -> Iterator[TokenServer]:
    """A token service that knows one user, for as long as the block lasts."""
    service = TokenServer()
    expected = "Basic " + base64.b64encode(f"{username}:{password}".encode()).decode()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            query = parse_qs(urlsplit(self.path).query)
            service.asked.append(query)
            authenticated = self.headers.get("Authorization") == expected
            body = (
                {"token": _token(certificate, username, query.get("scope", [])), "expires_in": 300}
                if authenticated
                else {}
            )
            answer = orjson.dumps(body)
            self.send_response(200 if authenticated else 401)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        service.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield service
        finally:
            server.shutdown()
            thread.join()
