"""The client itself: its server, its session, and the requests that belong to no single resource."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from bayplan.client import session
from bayplan.client.accounts import ApiTokens, Users
from bayplan.client.checks import Checks
from bayplan.client.collection import Named, credentials_params
from bayplan.client.credentials import Credentials
from bayplan.client.filters import Expression
from bayplan.client.images import Images
from bayplan.client.nodes import Nodes
from bayplan.client.prefetch import Prefetch
from bayplan.client.resources import CudaReleases, Domains, Frameworks, Generations, Licences
from bayplan.client.scans import Scans
from bayplan.client.tokens import AccountCredentials, ServerAccount, Tokens
from bayplan.client.transport import Params, Transport
from bayplan.errors import Invalid, NotFound

if TYPE_CHECKING:
    from bayplan.schemas.catalogue import PlanAnswer
    from bayplan.schemas.history import HistoryEntry
    from bayplan.schemas.match import MatchAnswer
    from bayplan.schemas.matrix import MatrixAnswer
    from bayplan.schemas.upgrades import UpgradesAnswer
    from bayplan.schemas.what_if import WhatIfAnswer

Catalogue = dict[str, list[dict[str, Any]]]
"""The sections of a catalogue file (`frameworks`, `images`, `nodes`): create bodies with natural keys."""

NO_SUCH = frozenset(("no_such_task", "no_such_domain", "no_such_framework"))
"""The codes of a match's summary for names that no image has."""
HISTORY_PAGE = 500
APPLY_TIMEOUT_SECONDS = 600  # a file of some ten thousand images


class Client:
    """A server's catalogue. Close it when done, or use it in a `with` block.

    Without `server` it is that of the command line: BAYPLAN_SERVER, the context in BAYPLAN_CONTEXT, the current context, or
    this machine's. It authenticates by `username` and `password`, as a `worker` by its `secret`, by an access `token`, or by
    `tokens`, of which the refresh token gets a new access token when the old one has run out; without all of them by
    BAYPLAN_TOKEN, by BAYPLAN_USERNAME and BAYPLAN_PASSWORD, or by the session of `bayplan login`. `on_tokens` is called with
    every new pair, to keep it.
    """

    def __init__(
        self,
        server: str | None = None,
        *,
        username: str | None = None,
        password: str | None = None,
        worker: str | None = None,
        secret: str | None = None,
        token: str | None = None,
        tokens: Tokens | None = None,
        on_tokens: Callable[[Tokens], None] | None = None,
        timeout_seconds: float = 30,
    ) -> None:
        of_user = _both("username", username, "password", password)
        credentials = of_user or _both("worker", worker, "secret", secret)
        if tokens is None and token is not None:
            tokens = Tokens(access=token)
        url = session.named_server(server).url
        is_named = credentials is not None or tokens is not None
        account = ServerAccount(tokens or Tokens(), credentials) if is_named else session.account_or_nobody(url)
        self._transport = Transport(url, account, on_tokens=on_tokens, timeout_seconds=timeout_seconds)
        self.nodes = Nodes(self._transport, "/v1/nodes", ("hardware_generation",))
        references = ("cuda_version", "framework", "min_hardware_generation", "licence", "creator")
        self.images = Images(self._transport, "/v1/docker", references, self.nodes)
        self.cuda = CudaReleases(self._transport, "/v1/cuda")
        self.hardware = Generations(self._transport, "/v1/hardware")
        self.frameworks = Frameworks(self._transport, "/v1/frameworks")
        self.domains = Domains(self._transport, "/v1/domains")
        self.licences = Licences(self._transport, "/v1/licences")
        self.users = Users(self._transport, "/v1/users")
        self.api_tokens = ApiTokens(self._transport)
        self.prefetch = Prefetch(self._transport, "/v1/prefetch", ("creator",), self.images, self.nodes)
        self.checks = Checks(self._transport, self.images)
        self.scans = Scans(self._transport)
        self.credentials = Credentials(self._transport, self.images)
        self.catalogue = CatalogueFile(self._transport)

    @property
    def server(self) -> str:
        """The server's address, without a slash at the end."""
        return self._transport.server

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Closes the connections."""
        self._transport.close()

    def log_in(self, username: str, password: str) -> Tokens:
        """Gives tokens for a user name and a password, and goes on as that user.

        Raises `Unauthenticated`, and `TooManyAttempts` after too many wrong ones.
        """
        return self._transport.log_in({"username": username, "password": password})

    def history(
        self,
        *,
        resource: str | None = None,
        pk: int | None = None,
        image: Named | None = None,
        node: Named | None = None,
        user: str | None = None,
        since: str | None = None,
        until: str | None = None,
        limit: int | None = None,
    ) -> "Iterator[HistoryEntry]":
        """The history of the catalogue, newest first: every entry, page by page as it is read, or `limit` entries; staff only.

        `image` or `node` stands for its resource and key.
        """
        if image is not None:
            resource, pk = "docker", self.images.key(image)
        elif node is not None:
            resource, pk = "nodes", self.nodes.key(node)
        params: Params = {"resource": resource, "pk": pk, "user": user, "since": since, "until": until}
        return self._transport.request_log("/v1/history", params, limit, HISTORY_PAGE)

    def match(
        self,
        *,
        node: Named | None = None,
        worker: Mapping[str, object] | None = None,
        task: str | None = None,
        domain: str | None = None,
        framework: str | None = None,
        expressions: Sequence[Expression] | None = None,
        grades: Sequence[str] | None = None,
        limit: int | None = None,
        limit_per_framework: int | None = None,
        explain: bool = False,
        allow_unknown_names: bool = False,
        credentials: bool = True,
    ) -> "MatchAnswer":
        """The images that run on a node of the catalogue, or on one that `worker` describes, best first.

        `framework` is a name ("torch"), a release with its patches ("PyTorch 2.4"), or has versions as pip writes them
        ("pytorch>=2.1,<3"); `explain` adds the images that do not run there, each with every reason. Without `credentials`
        no password of a registry is read, and the audit log has no entry.
        Raises `NotFound`, which names the nearest ones, for a task, domain or framework that no image has; with
        `allow_unknown_names` the answer says so in its summary.
        """
        fields: dict[str, object] = {
            "node": None if node is None else self.nodes.key(node),
            "worker": worker,
            "task": task,
            "domain": domain,
            "framework": framework,
            "filter": None if expressions is None else {"expressions": list(expressions)},
            "grades": None if grades is None else list(grades),
            "limit": limit,
            "limit_per_framework": limit_per_framework,
            "explain": explain,
        }
        body = {name: value for name, value in fields.items() if value is not None}
        answer: MatchAnswer = self._transport.request(
            "POST", "/v1/docker/match", body, params=credentials_params(credentials)
        )
        if not allow_unknown_names:
            _require_names(answer)
        return answer

    def matrix(self, images: Sequence[Expression] = (), nodes: Sequence[Expression] = ()) -> "MatrixAnswer":
        """Every group of images that need the same on every kind of nodes that offer the same.

        Of the images and of the nodes that satisfy every expression; without any all of them.
        """
        body = {"filter": {"expressions": list(images)}, "nodes": {"expressions": list(nodes)}}
        answer: MatrixAnswer = self._transport.request("POST", "/v1/docker/matrix", body)
        return answer

    def upgrades(self) -> "UpgradesAnswer":
        """The driver upgrades worth making on each kind of nodes: what each unlocks, makes native and breaks."""
        answer: UpgradesAnswer = self._transport.request("GET", "/v1/nodes/upgrades")
        return answer

    def remember_answers(self) -> None:
        """From now on asks again only for what has changed: an answer that is still good comes from memory."""
        self._transport.remember_answers()

    def what_if(self, changes: Sequence[Mapping[str, object]]) -> "WhatIfAnswer":
        """What these changes would lead to, made in order: verdicts by grade, and who gains or loses the last node or image.

        Nothing is stored. Raises `Invalid`, which names the change by its index.
        """
        answer: WhatIfAnswer = self._transport.request("POST", "/v1/docker/what-if", {"changes": list(changes)})
        return answer

    def health(self) -> Any:
        """The answer of `/readyz`."""
        return self._transport.request("GET", "/readyz")

    def process_health(self) -> Any:
        """The answer of `/healthz`, with the server's version; it needs no session."""
        return self._transport.request_public("/healthz")


class CatalogueFile:
    """The whole catalogue as one document: its objects in create bodies with natural keys."""

    def __init__(self, transport: Transport) -> None:
        self._request = transport.request

    def export(self, *, secrets: bool = False) -> Catalogue:
        """The catalogue as a document; with `secrets` also the credentials of registries."""
        exported: Catalogue = self._request(
            "GET", "/v1/catalogue/export", params={"secrets": secrets or None}, timeout_seconds=APPLY_TIMEOUT_SECONDS
        )
        return exported

    def apply(
        self, document: Mapping[str, object], *, dry_run: bool = False, prune: bool = False, if_match: str | None = None
    ) -> "PlanAnswer":
        """Makes the catalogue like the document, all of it or nothing, and gives what changed.

        `dry_run` changes nothing. `prune` removes what the document does not name, in the sections that it has.
        With the `version` of a dry run in `if_match`, applies exactly that plan, or raises `PreconditionFailed`.
        The `field` of each problem is its path in the document: `images.3.cuda_version`.
        """
        plan: PlanAnswer = self._request(
            "POST",
            "/v1/catalogue/apply",
            document,
            params={"dry_run": "true" if dry_run else "false", "prune": "true" if prune else "false"},
            headers={} if if_match is None else {"If-Match": f'"{if_match}"'},
            timeout_seconds=APPLY_TIMEOUT_SECONDS,
        )
        return plan


def _both(name: str, value: str | None, secret_name: str, secret: str | None) -> AccountCredentials | None:
    """The credentials, None for neither part. Raises `Invalid` for half of them."""
    if value is not None and secret is not None:
        return {name: value, secret_name: secret}
    if value is None and secret is None:
        return None
    raise Invalid.at(name, "invalid", f"Give both {name} and {secret_name}, or neither.")


def _require_names(answer: "MatchAnswer") -> None:
    """Raises `NotFound` where a match considered no image because of a task, domain or framework that no image has."""
    lines = [line for line in answer["summary"] if line["code"] in NO_SUCH]
    if not answer["considered"] and lines:
        raise NotFound(" ".join(dict.fromkeys(line["remedy"] or "" for line in lines)))
