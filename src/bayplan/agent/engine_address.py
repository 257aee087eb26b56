"""Where the container engine is, as the docker command has it: an address, DOCKER_HOST, a context, or the machine's own sockets.

An address that docker does not understand is one sentence here, before anything is asked.
"""

import hashlib
import ipaddress
import json
import os
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from bayplan.agent import docker_config
from bayplan.agent.docker_config import DockerConfig
from bayplan.agent.engine_errors import EngineFailed, printable

DEFAULT_SOCKET = "/var/run/docker.sock"
PORT, TLS_PORT = 2375, 2376
_HOST_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?\.?")
_LABEL = 63  # the most letters between two dots of a host name


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """The certificates for an engine behind TLS; without `ca` the system's own count, without `is_verified` none."""

    ca: Path | None
    certificate: Path | None
    key: Path | None
    is_verified: bool


@dataclass(frozen=True, slots=True)
class EngineAddress:
    """An engine's address: a socket, or an address for HTTP."""

    text: str  # as it was given, for people
    socket: Path | None = None
    url: str | None = None
    tls: TlsFiles | None = None

    def as_json(self) -> dict[str, Any]:
        """Gives the address for another process."""
        content: dict[str, Any] = json.loads(json.dumps(asdict(self), default=str))
        return content

    @classmethod
    def of_json(cls, content: Mapping[str, Any]) -> "EngineAddress":
        """Reads what `as_json` gives."""
        tls = content["tls"]
        files = None
        if tls is not None:
            ca, certificate, key = (Path(tls[name]) if tls[name] else None for name in ("ca", "certificate", "key"))
            files = TlsFiles(ca, certificate, key, tls["is_verified"])
        return cls(content["text"], content["socket"] and Path(content["socket"]), content["url"], files)


def find(
    address: str | None, config: DockerConfig, environment: Mapping[str, str] = os.environ
) -> EngineAddress | None:
    """Gives the engine's address in docker's order: `address`, DOCKER_HOST, DOCKER_CONTEXT, the configuration's context.

    None where nothing names one: then the sockets of this machine count. Raises `EngineFailed`.
    """
    for text, source in ((address, "--engine"), (environment.get("DOCKER_HOST"), "DOCKER_HOST")):
        if text is not None and text.strip():
            return _with_environment(parse(text, source), environment)
    for name, source in (
        (environment.get("DOCKER_CONTEXT"), "DOCKER_CONTEXT"),
        (config.context, f"currentContext in {config.path}"),
    ):
        if name:
            return None if name == "default" else _of_context(name, source, config.path.parent)
    return None


def parse(text: str, source: str) -> EngineAddress:
    """Gives the address of a text as `docker -H` takes it; raises `EngineFailed`, which names `source`."""
    stripped = text.strip()
    scheme, mark, rest = stripped.partition("://")
    if not mark:
        if stripped.startswith(("/", "unix:")):
            path = "/" + stripped.removeprefix("unix:").lstrip("/")
            raise _refused(stripped, source, f"write a socket as unix://{path}")
        scheme, rest = "tcp", stripped
    scheme = scheme.lower()
    if scheme in ("unix", "http+unix"):
        return EngineAddress(stripped, socket=Path(rest or DEFAULT_SOCKET).absolute())
    if scheme in ("tcp", "http", "https"):
        return _over_network(stripped, scheme, rest, source)
    why = {
        "ssh": "bayplan speaks to no engine over SSH; forward the engine's socket "
        "(`ssh -N -L /tmp/docker.sock:/var/run/docker.sock HOST`), and name unix:///tmp/docker.sock",
        "npipe": "Windows alone has named pipes; an engine is at unix:///PATH or tcp://HOST:PORT",
        "fd": "a file descriptor is for the engine alone; name its socket, as in unix:///PATH",
    }.get(scheme, "an engine is at unix:///PATH or tcp://HOST:PORT")
    raise _refused(stripped, source, why)


def _over_network(text: str, scheme: str, rest: str, source: str) -> EngineAddress:
    try:
        split = urlsplit(f"//{rest}")
        port = split.port
    except ValueError:
        raise _refused(
            text, source, "its port must be a number from 1 to 65535, and an IPv6 address must be in brackets"
        ) from None
    if "://" in rest or "@" in split.netloc or split.query or split.fragment:
        raise _refused(text, source, "write tcp://HOST:PORT, and a path at most")
    if port == 0:
        raise _refused(text, source, "its port must be a number from 1 to 65535")
    host = split.hostname or "localhost"
    if not _is_host(host):
        raise _refused(text, source, "its host is neither a name nor an address")
    in_url = f"[{host}]" if ":" in host else host
    is_tls = scheme == "https"
    place = f"{in_url}:{port or (TLS_PORT if is_tls else PORT)}{split.path.rstrip('/')}"
    tls = TlsFiles(None, None, None, is_verified=True) if is_tls else None
    return EngineAddress(text, url=f"http{'s' if is_tls else ''}://{place}", tls=tls)


def _is_host(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return (
            _HOST_NAME.fullmatch(host) is not None
            and ".." not in host
            and all(len(label) <= _LABEL for label in host.split("."))
        )
    return True


def _with_environment(address: EngineAddress, environment: Mapping[str, str]) -> EngineAddress:
    """Adds the certificates of DOCKER_CERT_PATH where DOCKER_TLS_VERIFY or DOCKER_TLS asks for TLS; a socket has none."""
    is_verified = bool(environment.get("DOCKER_TLS_VERIFY"))
    if address.url is None or not (is_verified or environment.get("DOCKER_TLS")):
        return address
    place = Path(environment.get("DOCKER_CERT_PATH") or docker_config.folder(environment))
    certificate, key = place / "cert.pem", place / "key.pem"
    has_own = _exists(certificate) or _exists(key)
    tls = TlsFiles(place / "ca.pem", certificate if has_own else None, key if has_own else None, is_verified)
    return _behind_tls(address, tls, "DOCKER_CERT_PATH")


def _behind_tls(address: EngineAddress, tls: TlsFiles, source: str) -> EngineAddress:
    for file in filter(None, (tls.ca, tls.certificate, tls.key)):
        try:
            docker_config.read_file(file)
        except OSError as error:
            raise EngineFailed(
                f"The certificate {file} for the engine at {printable(address.text)} cannot be read ({error.strerror or error}): {source} "
                "names that folder, which must have ca.pem, cert.pem and key.pem.",
                code="engine_address",
            ) from None
    assert address.url is not None
    return EngineAddress(address.text, url=address.url.replace("http://", "https://", 1), tls=tls)


def _exists(file: Path) -> bool:
    """Whether a certificate is there; True where this user may not know, so that reading it says why."""
    try:
        return file.exists()
    except PermissionError:
        return True


def _of_context(name: str, source: str, folder: Path) -> EngineAddress:
    """Gives the address of a docker context, with its certificates; raises `EngineFailed`."""
    key = hashlib.sha256(name.encode("utf-8", errors="surrogatepass")).hexdigest()
    file = folder / "contexts" / "meta" / key / "meta.json"
    try:
        content = docker_config.by_name(json.loads(docker_config.read_file(file)))
        endpoint = docker_config.by_name(content["endpoints"]["docker"])
        host, skips = endpoint.get("host") or "", bool(endpoint.get("skiptlsverify"))
        if not isinstance(host, str):
            raise TypeError
    except FileNotFoundError:
        raise EngineFailed(
            f"There is no docker context '{printable(name)}', which {source} names ({file} is not there): `docker context ls` lists "
            "them.",
            code="engine_address",
        ) from None
    except OSError as error:
        raise EngineFailed(
            f"The docker context '{printable(name)}', which {source} names, cannot be read: {file}: {error.strerror or error}.",
            code="engine_address",
        ) from None
    except (ValueError, TypeError, LookupError, AttributeError, RecursionError):
        raise EngineFailed(
            f"The docker context '{printable(name)}', which {source} names, names no engine: {file} is not as `docker context create` "
            "writes it.",
            code="engine_address",
        ) from None
    address = parse(host or f"unix://{DEFAULT_SOCKET}", f"the docker context '{printable(name)}'")
    place = folder / "contexts" / "tls" / key / "docker"
    files = {file: place / file for file in ("ca.pem", "cert.pem", "key.pem") if _exists(place / file)}
    if address.url is None or not (files or skips):
        return address
    tls = TlsFiles(files.get("ca.pem"), files.get("cert.pem"), files.get("key.pem"), is_verified=not skips)
    return _behind_tls(address, tls, f"the docker context '{printable(name)}'")


def _refused(text: str, source: str, why: str) -> EngineFailed:
    return EngineFailed(
        f"{printable(text)} is no address of a container engine: {why}. {source} names it.", code="engine_address"
    )
