"""The words that options and arguments take, for the completion of shells: of the server by small pages, and fixed ones."""

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bayplan.client import Client

_AT_MOST = 50
_TIMEOUT_SECONDS = 0.5


def values_of(parameter: Any, path: str, values: Mapping[str, str], incomplete: str) -> Iterable[str]:
    """The words that a parameter of a command takes; none where it takes any, or where no server or session is there.

    `values` has the options that are typed already.
    """
    kind = _kind(parameter, path)
    if kind in _FIXED:
        return _FIXED[kind](path)
    if kind not in _ASKED:
        return ()
    from bayplan.cli import connection
    from bayplan.client import Client, contexts
    from bayplan.client.session import account_at
    from bayplan.client.settings import client_settings

    server = values.get("server")
    if server is None and "context" in values:
        server = contexts.load().server_of(values["context"])
    url = connection.address(server)
    settings = client_settings()
    # A wrong password would count as a log-in that failed, at every press of the key.
    if settings.token is None and settings.username is not None:
        return ()
    if account_at(url) is None:
        return ()
    with Client(url, timeout_seconds=_TIMEOUT_SECONDS) as client:
        return _ASKED[kind](client, incomplete)


def _kind(parameter: Any, path: str) -> str:
    """What a parameter takes: its word in the usage, or its name where that word is one for many things."""
    metavar, group = str(parameter.metavar or "").strip("[]"), path.partition(" ")[0]
    if metavar in ("NAME", "VERSION", "IMAGE|REFERENCE", "FACT"):
        names = {"context": "CONTEXT", "generation": "GENERATION", "min_hardware_generation": "GENERATION"}
        names |= {"domain": "DOMAIN", "licence": "LICENCE", "cuda_version": "CUDA"}
        of_group = {"context": "CONTEXT", "user": "USER"} if parameter.param_type_name == "argument" else {}
        is_new = path.endswith(" add")
        return names.get(parameter.name) or ("" if is_new else of_group.get(group, "")) or metavar
    return metavar


def _output_formats(_path: str) -> Iterable[str]:
    return ("table", "wide", "json", "yaml", "name")


def _sort_fields(path: str) -> Iterable[str]:
    from bayplan.cli.sorting import FIELDS

    listings = [listing for listing in FIELDS if listing == path or listing.startswith(f"{path} ")]
    names = [field for listing in listings for field in FIELDS[listing]]
    return [*names, *(f"-{field}" for field in names)]


def _grades(_path: str) -> Iterable[str]:
    return ("native", "minor", "forward", "cpu", "jit", "unknown", "no")


def _scopes(_path: str) -> Iterable[str]:
    return ("read", "match", "apply", "workers")


def _reasons(_path: str) -> Iterable[str]:
    from bayplan.domain.outdated import OutdatedCode

    return map(str, OutdatedCode)


def _programs(_path: str) -> Iterable[str]:
    return ("kubernetes", "dra", "slurm", "compose", "nfd")


def _contexts(_path: str) -> Iterable[str]:
    from bayplan.client import contexts

    return sorted(contexts.load().servers)


def _words(_path: str) -> Iterable[str]:
    from bayplan.cli.explanations._words import words

    return words(with_settings=False)


def _commands(_path: str) -> Iterable[str]:
    from bayplan.cli.commands import GROUPS

    return GROUPS


_RECORDED = ("docker", "nodes", "frameworks", "cuda", "hardware", "domains", "licences", "users", "prefetch")

_FIXED: Mapping[str, Callable[[str], Iterable[str]]] = {
    "FORMAT": lambda path: ("docker", "kubernetes") if path == "images docker-config" else _output_formats(path),
    "FIELD": _sort_fields,
    "GRADE": _grades,
    "SCOPE": _scopes,
    "REASON": _reasons,
    "PROGRAM": _programs,
    "CONTEXT": _contexts,
    "WORD": _words,
    "COMMAND": _commands,
    "RESOURCE": lambda path: () if path == "list" else _RECORDED,  # those of `list` are its choices
}


def _images(client: "Client", incomplete: str) -> Iterable[str]:
    from bayplan.client import contains, exact

    name, colon, version = incomplete.partition(":")
    if "/" in name:
        found = client.images.without_credentials(contains("url", incomplete), order_by=("url",), limit=_AT_MOST)
        return [image["url"] for image in found]
    of_version = [exact("name", name), contains("version", version)] if colon and version else []
    of_name = [exact("name", name)] if colon else [contains("name", name, case_insensitive=True)]
    images = client.images.without_credentials(*(of_version or of_name), order_by=("name", "version"), limit=_AT_MOST)
    return [f"{image['name']}:{image['version']}" for image in images if " " not in image["name"] + image["version"]]


def _nodes(client: "Client", incomplete: str) -> Iterable[str]:
    from bayplan.client import any_of, contains

    host = incomplete.partition("#")[0].lower()
    filters = [any_of(contains("ip", host), contains("hostname", host))] if host else []
    nodes = client.nodes.list(*filters, order_by=("ip", "index"), limit=_AT_MOST)
    names = [(node["ip"], node["hostname"], node["index"]) for node in nodes]
    return [f"{name}#{index}" for ip, host_name, index in names for name in (ip, host_name) if name]


def _tasks(client: "Client", incomplete: str) -> Iterable[str]:
    from bayplan.client import contains

    filters = [contains("tasks", incomplete)] if incomplete else []
    return sorted(
        {task for image in client.images.without_credentials(*filters, limit=_AT_MOST) for task in image["tasks"]}
    )


def _frameworks(client: "Client", incomplete: str) -> Iterable[str]:
    name, equals, _ = incomplete.partition("==")
    from bayplan.client import contains

    filters = [contains("name", name, case_insensitive=True)] if name else []
    releases = client.frameworks.list(*filters, order_by=("name", "version"), limit=_AT_MOST * 4)
    if equals:
        same = [release for release in releases if release["name"].casefold() == name.casefold()]
        return [f"{name}=={release['version']}" for release in same]
    return [release["name"].lower() for release in releases]


_ASKED: Mapping[str, "Callable[[Client, str], Iterable[str]]"] = {
    "IMAGE": _images,
    "IMAGE|REFERENCE": _images,
    "NODE": _nodes,
    "TASK": _tasks,
    "DOMAIN": lambda client, _: [domain["name"] for domain in client.domains.list(limit=_AT_MOST)],
    "SPEC": _frameworks,
    "GENERATION": lambda client, _: [generation["generation"] for generation in client.hardware.list()],
    "LICENCE": lambda client, _: [licence["name"] for licence in client.licences.list(limit=_AT_MOST)],
    "CUDA": lambda client, _: [release["full_version"] for release in client.cuda.list()],
    "RULE": lambda client, _: [rule["name"] for rule in client.prefetch.list(limit=_AT_MOST)],
    "WORKER": lambda client, _: [worker["worker"] for worker in client.nodes.workers()],
    "TOKEN": lambda client, _: [token["name"] for token in client.api_tokens.list()],
    "USER": lambda client, _: [user["username"] for user in client.users.list(limit=_AT_MOST)],
}
