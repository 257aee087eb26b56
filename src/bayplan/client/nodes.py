"""The nodes, the workers that report them, and the tokens to join with."""

import builtins
from typing import TYPE_CHECKING, Any

from bayplan.client.collection import Body, Collection, Named

if TYPE_CHECKING:
    from bayplan.schemas.match import NodeForImages
    from bayplan.schemas.nodes import ExpandedNodeAnswer, NodeAnswer  # noqa: F401  # the base class names one in quotes
    from bayplan.schemas.workers import JoinAnswer, JoinTokenAnswer, NewJoinToken, WorkerAnswer


class Nodes(Collection["NodeAnswer", "ExpandedNodeAnswer"]):
    """The nodes; one is named by its key, its address (`10.0.0.7#1`), or its machine's name or the first part of it."""

    def all_named(self, text: str) -> "builtins.list[ExpandedNodeAnswer]":
        """The nodes of the machine with that address or name: none, one, or several."""
        from bayplan.client.node_lookup import nodes_named  # here: few programs name one

        return nodes_named(self, text)

    def _by_name(self, text: str) -> "ExpandedNodeAnswer":
        from bayplan.client.node_lookup import node

        return node(self, text)

    def verdicts(self, named: Named) -> "NodeForImages":
        """The verdict on every image for the node."""
        verdicts: NodeForImages = self._request("GET", f"{self._path}/{self.key(named)}/images")
        return verdicts

    def ping(self, node: Named) -> Any:
        """Tells the server that a node is alive: by its worker, or by staff."""
        return self._request("GET", f"{self._path}/ping", headers={"Node-Id": str(self.key(node))})

    def join(self, hardware: Body) -> "JoinAnswer":
        """Joins a machine (by a join token), or reports its hardware (by its worker)."""
        joined: JoinAnswer = self._request("POST", f"{self._path}/join", hardware)
        return joined

    def make_join_token(self, *, expires_in: int, uses: int) -> "NewJoinToken":
        """A token with which `uses` machines can join, for `expires_in` seconds."""
        body = {"expires_in": expires_in, "uses": uses}
        join_token: NewJoinToken = self._request("POST", f"{self._path}/join-tokens", body)
        return join_token

    def join_tokens(self) -> "builtins.list[JoinTokenAnswer]":
        """The join tokens that have not expired long ago, without the tokens themselves."""
        join_tokens: builtins.list[JoinTokenAnswer] = self._request("POST", f"{self._path}/join-tokens/list")
        return join_tokens

    def revoke_join_token(self, pk: int) -> None:
        """Ends a join token; the workers that joined with it stay."""
        self._request("DELETE", f"{self._path}/join-tokens/{pk}")

    def workers(self) -> "builtins.list[WorkerAnswer]":
        """The workers, by address."""
        workers: builtins.list[WorkerAnswer] = self._request("POST", f"{self._path}/workers/list")
        return workers

    def revoke(self, worker: str, *, nodes: bool = False) -> None:
        """Ends a worker's credential at once, and with `nodes` removes its nodes."""
        self._request("DELETE", f"{self._path}/workers/{worker}", params={"nodes": "true" if nodes else None})
