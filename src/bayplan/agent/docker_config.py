"""The user's docker configuration (`config.json`), read as the docker command reads it.

A part that cannot be read is left out and becomes a problem, a sentence that names the file; the other parts count. docker/cli does
the same: it warns and goes on (`cli/config/config.go`, `cli/config/configfile/file.go`).
"""

import base64
import json
import os
import re
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

MOST_BYTES = 4 * 2**20
DOCKER_HUB_KEY = "https://index.docker.io/v1/"
"""The name under which `docker login` stores a log-in to Docker Hub."""

Auth = Mapping[str, str]
"""A log-in as the engine's API takes it: `username` and `password`, or `identitytoken`."""

_BASE64 = re.compile(r"[A-Za-z0-9+/]*={0,2}")
# The fields of an entry that may stand beside `auth`; the engine's API takes them by these names.
_FIELDS = ("username", "password", "identitytoken", "registrytoken")
_PROXIES = ("httpProxy", "httpsProxy", "ftpProxy", "noProxy")


@dataclass(frozen=True, slots=True)
class DockerConfig:
    """What `config.json` has. `unreadable` has why the entry of a registry cannot be read; `problems` are about the whole file."""

    path: Path
    auths: Mapping[str, Auth] = field(default_factory=dict)
    store: str | None = None
    helpers: Mapping[str, str] = field(default_factory=dict)
    context: str | None = None
    proxies: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    problems: tuple[str, ...] = ()
    unreadable: Mapping[str, str] = field(default_factory=dict)


def folder(environment: Mapping[str, str] = os.environ) -> Path:
    """Gives the folder of docker's configuration: DOCKER_CONFIG, else `.docker` in the user's home."""
    return Path(environment.get("DOCKER_CONFIG") or _home(environment) / ".docker")


def _home(environment: Mapping[str, str]) -> Path:
    try:
        return Path(environment.get("HOME") or Path.home())
    except RuntimeError:  # a user without an entry in the system's list
        return Path("/")


def load(environment: Mapping[str, str] = os.environ) -> DockerConfig:
    """Reads the file; a missing file is an empty configuration. Never raises."""
    path = folder(environment) / "config.json"
    try:
        content = _first_value(read_file(path))
    except FileNotFoundError:
        return DockerConfig(path)
    except OSError as error:
        return DockerConfig(path, problems=(f"{path} cannot be read: {error.strerror or error}",))
    except (ValueError, RecursionError):
        return DockerConfig(path, problems=(f"{path} is not JSON",))
    if content is None:
        return DockerConfig(path)
    if not isinstance(content, dict):
        return DockerConfig(path, problems=(f"{path} is not a JSON object",))
    return _Reader(path, content).config()


def read_file(path: Path) -> bytes:
    """Gives a file's bytes; raises `OSError` also for a pipe, which would make a reader wait, and for more than `MOST_BYTES`."""
    with os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK), "rb") as file:
        if stat.S_ISFIFO(os.fstat(file.fileno()).st_mode):
            raise OSError(0, "it is no file")
        content = file.read(MOST_BYTES + 1) or b""  # a terminal gives None
    if len(content) > MOST_BYTES:
        raise OSError(0, f"it is larger than {MOST_BYTES} bytes")
    return content


def _first_value(content: bytes) -> Any:
    """Gives the first JSON value of a text, None for an empty text; docker reads no further."""
    text = content.decode("utf-8", errors="replace").lstrip(" \t\r\n")
    return json.JSONDecoder().raw_decode(text)[0] if text else None


class _Reader:
    """Reads the parts of the file's object. Names are read in any case, as Go does."""

    def __init__(self, path: Path, content: Mapping[str, Any]) -> None:
        self._path, self._content = path, by_name(content)
        self._problems: list[str] = []
        self._unreadable: dict[str, str] = {}

    def config(self) -> DockerConfig:
        auths = {}
        for registry, entry in self._entries("auths"):
            try:
                auths[registry] = _auth(entry)
            except ValueError as error:
                self._unreadable[registry] = f"the entry of {registry} in {self._path} {error}"
        helpers = {}
        for registry, name in self._entries("credHelpers"):
            if isinstance(name, str | None):
                helpers[registry] = name or ""
            else:
                self._unreadable[registry] = f"the credential helper of {registry} in {self._path} is not a text"
        proxies = {
            host: {name: text for name, text in values.items() if name in _PROXIES and isinstance(text, str)}
            for host, values in self._entries("proxies")
            if isinstance(values, dict)
        }
        headers = {name: text for name, text in self._entries("HttpHeaders") if isinstance(text, str)}
        store, context = self._text("credsStore"), self._text("currentContext")
        return DockerConfig(
            self._path,
            auths,
            store,
            helpers,
            context,
            proxies,
            headers,
            tuple(self._problems),
            self._unreadable,
        )

    def _entries(self, name: str) -> Iterator[tuple[str, Any]]:
        value = self._content.get(name.lower())
        if isinstance(value, dict):
            yield from value.items()
        elif value is not None:
            self._problems.append(f"{name} in {self._path} is not an object")

    def _text(self, name: str) -> str | None:
        value = self._content.get(name.lower())
        if not isinstance(value, str | None):
            self._problems.append(f"{name} in {self._path} is not a text")
            return None
        return value or None


def by_name(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Gives the fields of an object by their names in lower case: Go reads a name in any case."""
    return {name.lower(): value for name, value in fields.items()}


def _auth(entry: Any) -> Auth:
    """Gives the log-in of an entry, an empty one where it has none; raises `ValueError` with the rest of a sentence."""
    if entry is None:
        return {}
    if not isinstance(entry, dict):
        raise ValueError("is not an object")
    fields = by_name(entry)
    for name in (*_FIELDS, "auth"):
        if not isinstance(fields.get(name), str | None):
            raise ValueError(f"has a field {name} that is not a text")
    auth = {name: fields[name] for name in _FIELDS if fields.get(name)}
    if fields.get("auth"):
        auth["username"], auth["password"] = _decoded(fields["auth"])
    return auth


def _decoded(text: str) -> tuple[str, str]:
    """Decodes `auth`: the base64 of a user name, a colon and a password, as `decodeAuth` in docker/cli."""
    packed = text.replace("\r", "").replace("\n", "")
    if len(packed) % 4 or _BASE64.fullmatch(packed) is None:  # Python's decoder takes more padding than Go's
        raise ValueError("has an auth that is not base64")
    decoded = base64.b64decode(packed)
    username, colon, password = decoded.decode("utf-8", errors="replace").partition(":")
    if not colon or not username:
        raise ValueError("has an auth without a user name and a colon")
    return username, password.strip("\0")


def hostname(key: str) -> str:
    """Gives the host of a registry's name in the file, which older releases of docker wrote as an address."""
    return key.removeprefix("http://").removeprefix("https://").partition("/")[0]
