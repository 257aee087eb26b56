"""The log-ins that `docker login` left on this machine: in `config.json`, or with a credential helper.

As the docker command has it: a log-in that cannot be had keeps nobody from pulling. The image is pulled without one, after one
warning that names the file.
"""

import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from select import select
from typing import Any

from bayplan.agent.docker_config import DOCKER_HUB_KEY, Auth, DockerConfig, hostname
from bayplan.agent.engine_errors import printable
from bayplan.domain.reference import DOCKER_HUB, canonical_host

HELPER_SECONDS = 10.0
"""How long a credential helper may take; docker itself waits for ever."""
MOST_ANSWER_BYTES = 2**20
_POLL_SECONDS = 0.01

# What helpers print where they have no log-in for a registry (docker/docker-credential-helpers, `credentials/error.go`).
_NOT_FOUND = "credentials not found in native keychain"
_TOKEN_USERNAME = "<token>"  # noqa: S105  # the name in place of a user's, by which helpers mark a token


class DockerLogins:
    """The log-ins of one user. `warn` gets each problem once, as a sentence."""

    def __init__(
        self, config: DockerConfig, warn: Callable[[str], None], helper_seconds: float = HELPER_SECONDS
    ) -> None:
        self._config, self._warn, self._helper_seconds = config, warn, helper_seconds
        self._logins: dict[str, tuple[Auth | None, str | None]] = {}
        self._failed: dict[str, str] = {}  # by helper
        problems = (*config.problems, *config.unreadable.values())
        if problems:
            self._warn(_warning("; ".join(problems)))

    def auth(self, registry: str) -> Auth | None:
        """Gives the log-in for a registry, None where there is none or it cannot be had."""
        return self._login(registry)[0]

    def problem(self, registry: str) -> str | None:
        """Gives why the log-in for a registry cannot be had, as a sentence; None where nothing is wrong."""
        problem = self._login(registry)[1]
        return None if problem is None else _sentence(problem)

    def _login(self, registry: str) -> tuple[Auth | None, str | None]:
        if registry not in self._logins:
            self._logins[registry] = self._read(registry)
        return self._logins[registry]

    def _read(self, registry: str) -> tuple[Auth | None, str | None]:
        config = self._config
        key = DOCKER_HUB_KEY if registry == DOCKER_HUB else registry
        stored: Auth | None = _of_registry(config.auths, registry) or None
        unreadable = _of_registry(config.unreadable, registry) or next(iter(config.problems), None)
        helper = config.helpers.get(key, config.store)
        if not helper:
            return stored, None if stored else unreadable
        try:
            if helper in self._failed:  # one that hangs would hang for each registry
                raise _HelperFailed(self._failed[helper])
            return _ask(helper, key, self._helper_seconds), None
        except _HelperFailed as error:
            problem = f"{error}, which {config.path} names"
            if helper not in self._failed:
                self._failed[helper] = str(error)
                self._warn(_warning(problem))
            return stored, problem


class _HelperFailed(Exception):
    """A credential helper that gives nothing; the text says why."""


def _sentence(problem: str) -> str:
    return f"The credentials that `docker login` saved on this machine cannot be read ({printable(problem)})."


def _warning(problem: str) -> str:
    return f"{_sentence(problem)} Images are pulled without them, as by `docker pull`."


def _of_registry(entries: Mapping[str, Any], registry: str) -> Any:
    """Gives the entry of a registry: by its name, else by the host of an address."""
    if registry == DOCKER_HUB and DOCKER_HUB_KEY in entries:
        return entries[DOCKER_HUB_KEY]
    if registry in entries:
        return entries[registry]
    return next((entry for key, entry in entries.items() if canonical_host(hostname(key)) == registry), None)


def _ask(name: str, key: str, seconds: float) -> Auth | None:
    """Gives a helper's log-in, None where it has none; raises `_HelperFailed`."""
    program = shutil.which(f"docker-credential-{name}")
    if program is None:
        raise _HelperFailed(f"docker-credential-{printable(name)} is not installed")
    code, output = _run(program, f"docker-credential-{name}", key, seconds)
    text = output.decode("utf-8", errors="replace").strip()
    if code != 0:
        if text == _NOT_FOUND:
            return None
        raise _HelperFailed(f"docker-credential-{name} fails: {printable(text) or f'exit code {code}'}")
    try:
        answer = json.JSONDecoder().raw_decode(text)[0]
        fields = {str(field).lower(): value for field, value in ({} if answer is None else answer).items()}
        username, secret = fields.get("username") or "", fields.get("secret") or ""
        if not isinstance(username, str) or not isinstance(secret, str):
            raise TypeError
    except (ValueError, TypeError, AttributeError, RecursionError):
        # The answer is not shown: a secret may be in it.
        raise _HelperFailed(f"docker-credential-{name} prints no credentials") from None
    if username == _TOKEN_USERNAME:
        return {"identitytoken": secret}
    return {"username": username, "password": secret} if username or secret else None


def _run(program: str, name: str, key: str, seconds: float) -> tuple[int, bytes]:
    """Runs `PROGRAM get` with the registry's name as its input; gives its exit code and what it printed."""
    try:
        # In a session of its own, so that everything that it starts can be ended with it.
        process = subprocess.Popen(  # noqa: S603  # the program that the user's own configuration names
            [program, "get"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            bufsize=0,
        )
    except OSError as error:
        raise _HelperFailed(f"{name} cannot be run: {error.strerror}") from None
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        with process.stdout:
            with suppress(BrokenPipeError), process.stdin:  # one that reads nothing may still answer
                process.stdin.write(key.encode())
            output = _output(process, process.stdout.fileno(), name, seconds)
    except _HelperFailed:
        with suppress(OSError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        raise
    return process.returncode, output


def _output(process: "subprocess.Popen[bytes]", stream: int, name: str, seconds: float) -> bytes:
    """Gives what a helper prints until it ends; a daemon that it leaves behind may keep the pipe. Raises `_HelperFailed`."""
    output, deadline = bytearray(), time.monotonic() + seconds
    is_open = True
    while time.monotonic() < deadline:
        has_ended = process.poll() is not None  # asked before the pipe is read: then all that it printed is in the pipe
        if is_open and select([stream], [], [], 0 if has_ended else _POLL_SECONDS)[0]:
            part = os.read(stream, MOST_ANSWER_BYTES)
            output += part
            is_open = bool(part)
            if len(output) > MOST_ANSWER_BYTES:
                raise _HelperFailed(f"{name} prints more than {MOST_ANSWER_BYTES} bytes")
        elif has_ended:
            return bytes(output)
        elif not is_open:
            time.sleep(_POLL_SECONDS)
    raise _HelperFailed(f"{name} gives no answer within {seconds:g} s")
