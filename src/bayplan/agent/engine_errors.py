"""Errors of container engines, as sentences that say what to do. By tables of patterns: engines pass errors of registries on as text."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from bayplan.errors import BayplanError

if TYPE_CHECKING:
    from bayplan.domain.reference import Reference
    from bayplan.registry.auth import RegistryCredentials

# With these codes the next image would fail as well: they are the machine's, not the image's.
OF_THE_MACHINE = frozenset(
    ("engine_not_running", "engine_forbidden", "engine_unreachable", "engine_address", "engine_sdk_missing")
)


class EngineFailed(BayplanError):
    """The engine is not there, or a request to it failed."""

    code = "engine_failed"


# Pattern of the engine's text, the first that matches; code; sentence. `{host}` is the registry, `{engine}` the engine.
_PULL: tuple[tuple[re.Pattern[str], str, str], ...] = tuple(
    (re.compile(pattern, re.IGNORECASE), code, sentence)
    for pattern, code, sentence in (
        (
            r"no space left on device|disk quota exceeded",
            "disk_full",
            (
                "The disk of {engine} has no room for {reference}; what was begun is removed again. Make room "
                "(`docker system df` shows what takes it, `docker image prune -a` removes images that no container uses), then pull again."
            ),
        ),
        (
            r"toomanyrequests|too many requests|rate limit|\b429\b",
            "too_many_requests",
            (
                "{host} refuses more requests from this machine for now. Wait, or ask staff to enter credentials that are allowed "
                "more: `bayplan images edit IMAGE --registry-username NAME`."
            ),
        ),
        (
            (
                r"unauthorized|authentication required|no basic auth credentials|incorrect username or password|"
                r"(?<!permission )\bdenied\b|\b40[13]\b|"
                r"unable to retrieve auth token|invalid username/password"
            ),
            "login_refused",
            "{host} does not let {who} pull {repository}. {advice}",
        ),
        (
            (
                r"no matching manifest|does not match the specified platform|no image found in (?:manifest list|image index)|"
                r"choosing (?:an )?image.*manifest list|no match for platform"
            ),
            "wrong_platform",
            (
                "{reference} has no image for this machine's architecture. Ask staff to run `bayplan images inspect IMAGE --store`: "
                "then it does not match this machine any more."
            ),
        ),
        (
            (
                r"manifest unknown|name unknown|manifest for \S+ not found|not found: manifest|manifest invalid: .*unknown|"
                r"repository \S+ not found|reading manifest .*not found|failed to resolve reference .*: not found"
            ),
            "image_gone",
            "{host} does not have {reference} any more.",
        ),
        (
            (
                r"verification failed|manifest verification|does not match (?:the )?digest|digest did not match|invalid digest|"
                r"hash mismatch|unexpected commit digest|failed size validation"
            ),
            "digest_mismatch",
            (
                "What {host} sends does not have the digest of {reference}. Nothing of it was kept. Tell the registry's administrator; "
                "if the image was pushed anew on purpose, ask staff to run `bayplan images inspect IMAGE --store`."
            ),
        ),
        (
            r"server gave http response to https client",
            "registry_without_tls",
            ("{host} speaks plain HTTP, which {engine} refuses. Give the registry a certificate, or {insecure}."),
        ),
        (
            r"x509|certificate|tls: |tls handshake",
            "registry_certificate",
            (
                "{engine} does not trust the certificate of {host} ({text}). Put the certificate of its issuer into "
                "/etc/docker/certs.d/{host}/ca.crt on this machine, or give the registry a certificate that the system trusts."
            ),
        ),
        (
            r"no such host|server misbehaving|name or service not known|temporary failure in name resolution|name resolution",
            "registry_unknown_host",
            (
                "This machine does not find the host {host}. Check the image's registry (`bayplan images show IMAGE`) and this machine's "
                "DNS."
            ),
        ),
        (
            (
                r"connection refused|connection reset|i/o timeout|no route to host|network is unreachable|deadline exceeded|"
                r"request canceled|\beof\b|broken pipe|\b50[0234]\b|internal server error|bad gateway|service unavailable|"
                r"received unexpected http status|proxyconnect|client\.timeout"
            ),
            "registry_unreachable",
            ("{host} does not answer as a registry does ({text}). Try again when it is up."),
        ),
    )
)
_START: tuple[tuple[re.Pattern[str], str, str], ...] = tuple(
    (re.compile(pattern, re.IGNORECASE), code, sentence)
    for pattern, code, sentence in (
        (
            r"could not select device driver",
            "engine_without_gpu",
            (
                "{engine} cannot give GPUs to containers: install the NVIDIA Container Toolkit (the package "
                "`nvidia-container-toolkit`) and restart {engine}."
            ),
        ),
        (
            r"requirement error|unsatisfied condition",
            "start_condition",
            (
                "The NVIDIA container runtime refuses {reference} on this GPU ({text}). `bayplan why IMAGE --node NODE` shows why it "
                "matched: tell staff."
            ),
        ),
        (
            r"nvidia-container-cli|nvidia-container-runtime|libnvidia|nvml",
            "engine_gpu_failed",
            (
                "The NVIDIA container runtime could not give this GPU to {reference} ({text}). `nvidia-smi` shows whether the driver "
                "answers."
            ),
        ),
        (
            r"executable file not found|no such file or directory: unknown|exec format error|permission denied: unknown",
            "cannot_execute",
            "{reference} could not be started ({text}). Write a command that the image has after `--`.",
        ),
        (
            r"no command specified",
            "cannot_execute",
            "{reference} has no command of its own: write one after `--`.",
        ),
        (
            r"no space left on device",
            "disk_full",
            "The disk of {engine} has no room to run {reference}: make room (`docker system df` shows what takes it).",
        ),
    )
)
_LONGEST_QUOTE = 300
_IN_USE = re.compile(r"in use by|is using its referenced image|being used by|image used by", re.IGNORECASE)
# How an engine is told to speak plain HTTP to a registry.
_INSECURE = {
    "Docker": "name it under `insecure-registries` in /etc/docker/daemon.json and restart Docker (`systemctl restart docker`)",
    "Podman": (
        'add `[[registry]]` with `location = "{host}"` and `insecure = true` to /etc/containers/registries.conf (Podman reads it '
        "with the next pull)"
    ),
}


def printable(text: str, most: int = _LONGEST_QUOTE) -> str:
    """Gives a text of an engine or a registry on one line, of bounded length, without control characters."""
    line = " ".join(text.split()).rstrip(".")
    cut = line if len(line) <= most else f"{line[:most]}..."
    return "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in cut)


def about_pull(text: str, engine: str, reference: Reference, credentials: RegistryCredentials | None) -> EngineFailed:
    """Gives the error for an engine's text during a pull."""
    if credentials is None:
        who = "anybody without credentials"
        advice = "The catalogue has no credentials for it: staff enter them with `bayplan images edit IMAGE --registry-username NAME`."
    else:
        who = credentials.username
        advice = "The catalogue's credentials for it are wrong or have expired: staff replace them with `bayplan credentials rotate`."
    searched = text.replace(reference.registry, "")  # a port is no status
    for pattern, code, sentence in _PULL:
        if pattern.search(searched):
            words = {
                "engine": engine,
                "reference": reference,
                "repository": reference.repository,
                "host": reference.registry,
                "who": who,
                "advice": advice,
                "text": printable(text),
                "insecure": _INSECURE[engine].format(host=reference.registry),
            }
            return EngineFailed(sentence.format(**words), code=code)
    return EngineFailed(f"{engine} could not pull {reference}: {printable(text)}.")


def silent_registry(reference: Reference, seconds: float, engine: str) -> EngineFailed:
    """Gives the error for a pull without any progress."""
    return EngineFailed(
        f"{reference.registry} accepts requests and does not answer: {engine} reported no progress with {reference} for {seconds:g} s, so "
        "the pull was stopped. Check the registry, and the network between it and this machine.",
        code="registry_silent",
    )


def about_removal(text: str, engine: str) -> EngineFailed:
    """Gives the error for an engine's text when an image or a tag is removed."""
    if _IN_USE.search(text):
        return EngineFailed(
            f"A container uses it, perhaps one of another tool that shares {engine}'s images ({printable(text)}). The image is removed "
            "when that container is gone.",
            code="image_in_use",
        )
    return EngineFailed(f"{engine} refuses: {printable(text)}.")


def about_start(text: str, engine: str, reference: Reference) -> EngineFailed:
    """Gives the error for an engine's text at the start of a container."""
    for pattern, code, sentence in _START:
        if pattern.search(text):
            return EngineFailed(sentence.format(engine=engine, reference=reference, text=printable(text)), code=code)
    return EngineFailed(f"{engine} could not run {reference}: {printable(text)}.")


def about_connection(error: BaseException, address: str) -> EngineFailed:
    """Gives the error for an engine that cannot be reached."""
    causes = []
    cause: BaseException | None = error
    while cause is not None and cause not in causes:
        causes.append(cause)
        cause = cause.__cause__ or cause.__context__
    # urllib3 keeps the system's error among its own error's arguments, not as its cause.
    inner = [error for cause in causes for error in _within(cause)]
    place = printable(address.removeprefix("unix://"))
    if any(isinstance(error, PermissionError) for error in inner):
        return EngineFailed(
            f"This user may not use the container engine at {place}. Run this as root, or as a member of the group `docker`.",
            code="engine_forbidden",
        )
    if any(isinstance(error, (FileNotFoundError, ConnectionRefusedError)) for error in inner):
        return EngineFailed(
            f"No container engine answers at {place}. Start it (`systemctl start docker`, or `systemctl start podman.socket`), or "
            "name another with --engine or DOCKER_HOST.",
            code="engine_not_running",
        )
    return no_engine_answers(str(error), address)


def no_engine_answers(text: str, address: str) -> EngineFailed:
    """Gives the error for an answer that is none of an engine."""
    place = printable(address.removeprefix("unix://"))
    return EngineFailed(
        f"What answers at {place} is no container engine ({printable(text)}). Check its log, or name another address with "
        "--engine or DOCKER_HOST.",
        code="engine_unreachable",
    )


def no_engine(sockets: Iterable[Path]) -> EngineFailed:
    """Gives the error for a machine on which no engine listens anywhere."""
    places = ", ".join(str(socket) for socket in sockets)
    return EngineFailed(
        f"No container engine runs on this machine (none at {places}). Start Docker or Podman (`systemctl start docker`, or "
        "`systemctl start podman.socket`), or name one with --engine or DOCKER_HOST.",
        code="engine_not_running",
    )


def _within(error: object, depth: int = 4) -> Iterable[object]:
    yield error
    if depth and isinstance(error, BaseException):
        for argument in error.args:
            if isinstance(argument, BaseException):
                yield from _within(argument, depth - 1)
            elif isinstance(argument, tuple):
                for part in argument:
                    yield from _within(part, depth - 1)
