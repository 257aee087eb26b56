"""Image references as `docker pull` takes them, as a type: parsed once at the edge, never cut as strings.

The grammar is the distribution project's own (`distribution/reference`), through its Python port.
"""

import re
from dataclasses import dataclass, replace
from urllib.parse import SplitResult, urlsplit

from bayplan.errors import Invalid

DOCKER_HUB = "docker.io"
_MAX_PORT, _PORT_DIGITS = 65535, 20
_LONGEST_NAME = 255  # as distribution/reference has it
_TAG = re.compile(r"\w[\w.-]{0,127}", re.ASCII)
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_IDENTIFIER = re.compile(r"[0-9a-f]{64}")
_API_PATHS = frozenset({"v1", "v2"})
DOCKER_HUB_NAMES = frozenset({DOCKER_HUB, "index.docker.io", "registry-1.docker.io", "registry.hub.docker.com"})


@dataclass(frozen=True, slots=True)
class Reference:
    """`registry/repository:tag@digest`; `registry` is a host with an optional port, `docker.io` where the text has none."""

    registry: str
    repository: str
    tag: str | None
    digest: str | None
    names_registry: bool

    @classmethod
    def parse(cls, text: str, *, field: str = "url") -> "Reference":
        """Gives the reference of a text; raises `Invalid` at `field`."""
        if "://" in text:
            raise Invalid.at(
                field,
                "bad_reference",
                "An image reference has no scheme: write it as for 'docker pull', for example 'registry.example.org:5000/team/image:1.0'.",
            )
        if not text.isprintable():  # the grammar's "$" also matches before a line break at the end
            raise Invalid.at(
                field,
                "bad_reference",
                ("An image reference cannot have line breaks, tabs or other control characters."),
            )
        from docker_image import digest as digests  # here: its patterns take long to make
        from docker_image import reference as grammar

        try:
            parsed = grammar.Reference.parse_normalized_named(text)
        except (grammar.InvalidReference, digests.InvalidDigest, ValueError):
            raise Invalid.at(
                field,
                "bad_reference",
                f"This is not an image reference: {_mistake(text)}. Write it as for 'docker pull', for example "
                "'nvidia/cuda:12.4.1-base-ubuntu22.04'.",
            ) from None
        domain, path = parsed.repository["domain"], parsed.repository["path"]
        port = domain.rpartition(":")[2]
        if port.isdigit() and int(port[:_PORT_DIGITS]) > _MAX_PORT:
            raise Invalid.at(
                field, "bad_reference", f"A registry's port is at most {_MAX_PORT}: check '{domain[:100]}'."
            )
        return cls(
            registry=canonical_host(domain),
            repository=path,
            tag=parsed["tag"],
            digest=parsed["digest"],
            names_registry="/" in text and canonical_host(text.split("/", 1)[0]) == canonical_host(domain),
        )

    def __str__(self) -> str:
        """The reference in full; with the tag `latest` where it has neither tag nor digest."""
        tag = self.tag or (None if self.digest else "latest")
        named = f"{self.registry}/{self.repository}"
        return named + (f":{tag}" if tag else "") + (f"@{self.digest}" if self.digest else "")

    @property
    def familiar(self) -> str:
        """The reference as `docker` shows it: without the registry and the namespace that Docker Hub stands for."""
        text = str(self)
        if self.registry == DOCKER_HUB:
            text = text.removeprefix(f"{DOCKER_HUB}/").removeprefix("library/")
        return text


def located(url: str, registry: str) -> Reference:
    """Gives the reference of an image of the catalogue: its `url`, within `registry` where the url has no registry; raises `Invalid`."""
    reference = Reference.parse(url)
    if reference.names_registry:
        return reference
    host, repository = registry_host(registry), reference.repository
    if host != DOCKER_HUB and not url.startswith("library/"):
        repository = repository.removeprefix("library/")  # the namespace of images without a team, on Docker Hub alone
    return replace(reference, registry=host, repository=repository, names_registry=True)


def check_registry(registry: str, *, field: str = "registry") -> str:
    """Gives the host of a registry that a body names; raises `Invalid` at `field` for what is none, and for one with a path.

    A path is part of the repository, which the image's `url` names: dropped, it would make another image of it. Docker Hub's
    `https://index.docker.io/v1/` has none: that is its API.
    """
    host = registry_host(registry, field=field)
    path = _split_registry(registry, field).path.strip("/")
    if path and not (host == DOCKER_HUB and path in _API_PATHS):
        raise _bad_registry(field, "it has a path, which belongs in the image's url, between host and name")
    return host


def registry_host(registry: str, *, field: str = "registry") -> str:
    """Gives the host, with its port if it has one, of a registry as URL or host; `docker.io` for every name of Docker Hub.

    Raises `Invalid` at `field` for anything else, a URL with credentials in it included. A path does not matter: it is
    in rows that were stored before `check_registry` refused it.
    """
    split = _split_registry(registry, field)
    scheme, netloc = split.scheme, split.netloc
    if scheme not in ("http", "https"):
        raise _bad_registry(field, "its scheme must be https or http")
    if "@" in netloc:
        raise _bad_registry(field, "credentials belong in registry_username and registry_password, not in the address")
    from docker_image.reference import ImageRegexps  # here: its patterns take long to make

    if not split.hostname or split.query or split.fragment or any(c.isspace() or c == "\\" for c in registry):
        raise _bad_registry(field, "it must be a host, or a URL of one")
    if ImageRegexps.ANCHORED_DOMAIN_REGEXP.match(netloc) is None:
        raise _bad_registry(field, "its host is not one that an image reference can name")
    return canonical_host(netloc)


def canonical_host(host: str) -> str:
    """Gives the one spelling of a registry's host: lower case, no default port, `docker.io` for every name of Docker Hub."""
    name = host.lower().removesuffix(":443")
    return DOCKER_HUB if name in DOCKER_HUB_NAMES else name


def check_agreement(url: str, registry: str) -> None:
    """Raises `Invalid` where `url` names another registry than `registry`, to which a worker would log in, or that has a path."""
    reference = Reference.parse(url)
    host = check_registry(registry)
    if reference.names_registry and reference.registry != host:
        raise Invalid.at(
            "registry",
            "registry_mismatch",
            f"'url' names the registry '{reference.registry}', and 'registry' names '{host}': they must be the same.",
        )


def _split_registry(registry: str, field: str) -> SplitResult:
    try:
        split = urlsplit(registry if "://" in registry else f"https://{registry}")
        split.port  # noqa: B018  # the access checks it
    except ValueError as error:
        raise _bad_registry(field, str(error)) from None
    return split


def _bad_registry(field: str, why: str) -> Invalid:
    return Invalid.at(
        field,
        "bad_registry",
        f"This is not the address of a registry ({why}): write a URL or a host, for example "
        "'https://registry.example.org:5000' or 'docker.io'.",
    )


def _mistake(text: str) -> str:
    """What is wrong with a text that is no reference, by the grammar of distribution/reference (`reference.go`)."""
    rest, has_digest, digest = text.partition("@")
    folder, slash, last = rest.rpartition("/")
    last, has_tag, tag = last.partition(":")
    name = folder + slash + last
    if not text:
        return "it is empty"
    if " " in text:
        return "it has a space"
    if has_digest and not _DIGEST.fullmatch(digest):
        return "a digest after '@' is 'sha256:' and 64 characters of 0-9 and a-f"
    if has_tag and not _TAG.fullmatch(tag):
        return "a tag has 1 to 128 letters, digits and '_', '.', '-', and does not begin with '.' or '-'"
    if not last or "//" in name or name.startswith("/"):
        return "a part of its name is empty"
    if name != name.lower():
        return "its name has capital letters"
    if len(name) > _LONGEST_NAME:
        return f"its name has more than {_LONGEST_NAME} characters"
    if _IDENTIFIER.fullmatch(name):
        return "64 hexadecimal characters are the identifier of an image and not a name"
    return "a name has lower-case letters and digits, with '.', '_' or '-' between them"
