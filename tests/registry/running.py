"""Real registries for the tests, with each kind of authentication, and small real images to put into them."""

import contextlib
import hashlib
import json
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import httpx2

from bayplan.registry.auth import RegistryCredentials
from tests.programs import program
from tests.registry.certificates import Certificate, self_signed
from tests.registry.token_server import ISSUER, SERVICE, TokenServer, running_token_server

Kind = Literal["open", "basic", "bearer", "tls"]
KINDS: tuple[Kind, ...] = ("open", "basic", "bearer", "tls")
LOGIN = RegistryCredentials("casey", "registry pass: word")
HTPASSWD = "casey:$2y$05$Yr6.qfNlyE/ylKu3AQFo8.8TeReBtZHbypXOWREhaDbDr2MsP.Jc6\n"
"""Those credentials as `htpasswd -B` writes them."""

OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
OCI_INDEX = "application/vnd.oci.image.index.v1+json"
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_LIST = "application/vnd.docker.distribution.manifest.list.v2+json"
CONFIG_OF = {
    OCI_MANIFEST: "application/vnd.oci.image.config.v1+json",
    DOCKER_MANIFEST: "application/vnd.docker.container.image.v1+json",
}
LAYER_OF = {
    OCI_MANIFEST: "application/vnd.oci.image.layer.v1.tar+gzip",
    DOCKER_MANIFEST: "application/vnd.docker.image.rootfs.diff.tar.gzip",
}
LAYER = b"a layer that nobody ever reads"
PATIENCE_SECONDS = 20.0


def digest_of(body: bytes) -> str:
    """The digest that names `body`."""
    return f"sha256:{hashlib.sha256(body).hexdigest()}"


def configuration(
    env: Mapping[str, str] | None = None,
    labels: Mapping[str, str] | None = None,
    architecture: str = "amd64",
    **more: Any,
) -> dict[str, Any]:
    """An image's configuration."""
    start = {"Env": [f"{name}={value}" for name, value in (env or {}).items()], "Labels": dict(labels or {})}
    return {"os": "linux", "architecture": architecture, "config": start, "created": "2026-10-01T00:00:00Z", **more}


@dataclass
class Registry:
    """A running registry, and what its tests need to know of it."""

    kind: Kind
    port: int
    login: RegistryCredentials | None
    ca: Path | None
    tokens: TokenServer | None
    pushing: httpx2.Client
    log: Path

    @property
    def host(self) -> str:
        """Its name in references."""
        return f"127.0.0.1:{self.port}"

    @property
    def requests(self) -> list[str]:
        """Method and path of everything that it was asked, from its own log."""
        lines = self.log.read_text(errors="replace").splitlines()
        return [line.split('"')[1] for line in lines if '" ' in line and " HTTP/1" in line]

    def blob(self, repository: str, body: bytes) -> dict[str, Any]:
        """Pushes a blob; gives digest and size."""
        digest = digest_of(body)
        begun = self.pushing.post(f"/v2/{repository}/blobs/uploads/", headers=self._may(repository))
        begun.raise_for_status()
        place = begun.headers["Location"]
        headers = self._may(repository) | {"Content-Type": "application/octet-stream"}
        self.pushing.put(
            place, params=dict(httpx2.URL(place).params) | {"digest": digest}, content=body, headers=headers
        ).raise_for_status()
        return {"digest": digest, "size": len(body)}

    def manifest(self, repository: str, name: str, document: Mapping[str, Any]) -> dict[str, Any]:
        """Pushes a manifest or an index under a tag or a digest; gives its descriptor."""
        body = json.dumps(document).encode()
        headers = self._may(repository) | {"Content-Type": document["mediaType"]}
        pushed = self.pushing.put(
            f"/v2/{repository}/manifests/{name or digest_of(body)}", content=body, headers=headers
        )
        assert pushed.status_code == 201, pushed.text
        return {"mediaType": document["mediaType"], "digest": digest_of(body), "size": len(body)}

    def image(
        self, repository: str, tag: str, config: Mapping[str, Any], media_type: str = OCI_MANIFEST, **more: Any
    ) -> dict[str, Any]:
        """Pushes an image with one small layer; gives its descriptor, with its platform."""
        layer = self.blob(repository, LAYER)
        return self.image_over(repository, tag, config, layer, media_type, **more)

    def image_over(
        self,
        repository: str,
        tag: str,
        config: Mapping[str, Any],
        layer: Mapping[str, Any],
        media_type: str = OCI_MANIFEST,
        **more: Any,
    ) -> dict[str, Any]:
        """Pushes an image over a layer that is there already."""
        described = self.blob(repository, json.dumps(config).encode())
        document = {
            "schemaVersion": 2,
            "mediaType": media_type,
            "config": {"mediaType": CONFIG_OF[media_type], **described},
            "layers": [{"mediaType": LAYER_OF[media_type], **layer}],
            **more,
        }
        platform = {"os": config["os"], "architecture": config["architecture"]}
        return {**self.manifest(repository, tag, document), "platform": platform}

    def index(
        self, repository: str, tag: str, entries: Sequence[Mapping[str, Any]], media_type: str = OCI_INDEX
    ) -> dict[str, Any]:
        """Pushes an index of images that are there already."""
        return self.manifest(repository, tag, {"schemaVersion": 2, "mediaType": media_type, "manifests": list(entries)})

    def _may(self, repository: str) -> dict[str, str]:
        if self.tokens is None:
            return {}
        assert self.login is not None
        answer = self.pushing.get(
            self.tokens.realm,
            params={"service": SERVICE, "scope": f"repository:{repository}:pull,push"},
            headers={"Authorization": self.login.basic},
        )
        return {"Authorization": f"Bearer {answer.json()['token']}"}


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _auth(kind: Kind, folder: Path, tokens: TokenServer | None, signing: Certificate) -> dict[str, Any]:
    if kind == "basic":
        (folder / "htpasswd").write_text(HTPASSWD)
        return {"auth": {"htpasswd": {"realm": "registry", "path": str(folder / "htpasswd")}}}
    if tokens is not None:
        bundle = str(signing.certificate)
        token = {"realm": tokens.realm, "service": SERVICE, "issuer": ISSUER, "rootcertbundle": bundle}
        return {"auth": {"token": token}}
    return {}


def _wait_until_ready(port: int, process: "subprocess.Popen[bytes]", log: Path) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"The registry did not start:\n{log.read_text(errors='replace')}") from None
            time.sleep(0.01)


@contextlib.contextmanager
def running_registry(kind: Kind, folder: Path) -> Iterator[Registry]:
    """A fresh registry on a free port for as long as the block lasts."""
    registry = program("docker-registry")
    folder.mkdir(parents=True, exist_ok=True)
    signing, own = self_signed(folder, "signing"), self_signed(folder, "registry")
    port, log, verify = _free_port(), folder / "log", False
    with contextlib.ExitStack() as stack:
        tokens = None
        if kind == "bearer":
            tokens = stack.enter_context(running_token_server(signing, LOGIN.username, LOGIN.password))
        http: dict[str, Any] = {"addr": f"127.0.0.1:{port}", "secret": "of the tests"}
        trust: ssl.SSLContext | bool = verify
        if kind == "tls":
            http["tls"] = {"certificate": str(own.certificate), "key": str(own.key)}
            trust = ssl.create_default_context(cafile=str(own.certificate))
        settings = {
            "version": "0.1",
            "log": {"level": "error", "accesslog": {"disabled": False}},
            "storage": {"filesystem": {"rootdirectory": str(folder / "store")}, "delete": {"enabled": True}},
            "http": http,
            **_auth(kind, folder, tokens, signing),
        }
        (folder / "config.yml").write_text(json.dumps(settings))  # JSON is YAML
        with log.open("wb") as sink:
            process = subprocess.Popen(
                [registry.path, "serve", folder / "config.yml"],
                stdin=subprocess.DEVNULL,
                stdout=sink,
                stderr=sink,
                env=registry.environment | {"OTEL_TRACES_EXPORTER": "none"},
            )
        try:
            _wait_until_ready(port, process, log)
            scheme = "https" if kind == "tls" else "http"
            auth = httpx2.BasicAuth(LOGIN.username, LOGIN.password) if kind == "basic" else None
            pushing = stack.enter_context(
                httpx2.Client(base_url=f"{scheme}://127.0.0.1:{port}", verify=trust, auth=auth, timeout=30.0)
            )
            credentials = LOGIN if kind in ("basic", "bearer") else None
            ca = own.certificate if kind == "tls" else None
            yield Registry(kind, port, credentials, ca, tokens, pushing, log)
        finally:
            process.terminate()
            process.wait(PATIENCE_SECONDS)
