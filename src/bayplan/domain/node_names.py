"""The names of nodes, as people type them: a key, an address or the name of a machine, whole or its first part, and the index. Pure.

The address that staff or joining gave a machine goes before the host names that machines report of themselves: a machine that
reports the name of another does not take its place. A host name that several machines have names all of them.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from bayplan.domain.machine_address import host_name, machine_address
from bayplan.domain.nearest import mean, nearest
from bayplan.errors import Invalid

Node = TypeVar("Node")
FIELD = "node"
_NAMED_AT_MOST = 8


@dataclass(frozen=True, slots=True)
class NodeName:
    """What a node is called."""

    pk: int
    ip: str
    index: int
    hostname: str | None = None
    gpu_name: str | None = None

    @property
    def label(self) -> str:
        """The name by which pages and commands find it: "10.0.0.7#0"."""
        return f"{self.ip}#{self.index}"


def node_named(nodes: Sequence[NodeName], text: str) -> NodeName:
    """Gives the node that a text names; raises `Invalid` at `node`, with the nearest names, or with all where there are several."""
    text = text.strip()
    if text.isascii() and text.isdigit():
        of_key = [node for node in nodes if str(node.pk) == text.lstrip("0")]
        if of_key:
            return of_key[0]
    name, _, index = text.rpartition("#") if "#" in text else (text, "", "")
    if index and not (index.isascii() and index.isdigit()):
        raise _wrong(f"{text!r} is no node: write its machine and index, like 10.0.0.7#0 or gpu07#0.")
    named = [node for node in _of_machine(nodes, name) if not index or node.index == int(index)]
    if len(named) == 1:
        return named[0]
    if not named:
        same = [node.label for node in _of_machine(nodes, name)]
        near = mean(_nearest(nodes, name)) if not same else f"there are {', '.join(same[:_NAMED_AT_MOST])}."
        raise _wrong(f"There is no node {text!r}; {near or 'the page of nodes shows those there are.'}")
    listed = ", ".join(node.label + (f" ({node.gpu_name})" if node.gpu_name else "") for node in named[:_NAMED_AT_MOST])
    more = " and more" if len(named) > _NAMED_AT_MOST else ""
    raise _wrong(f"{text!r} has {len(named)} nodes; write which: {listed}{more}.")


def nodes_of_machine(nodes: Sequence[NodeName], text: str) -> Sequence[NodeName]:
    """Gives the nodes of the machine that a text names; raises `Invalid` at `node` where there is none, or where there are several."""
    named = _of_machine(nodes, text.strip())
    if len({node.ip for node in named}) == 1:
        return named
    return [node_named(nodes, text)]


def on_machine(nodes: Sequence[Node], name: str, machine: Callable[[Node], tuple[str, str | None]]) -> list[Node]:
    """The nodes on the machines with that name; `machine` gives the address and the host name of a node's machine."""
    address, host = canonical(machine_address, name), canonical(host_name, name)
    start = f"{host}."
    rules: Sequence[Callable[[str, str | None], bool]] = (
        lambda ip, _hostname: ip in (address, name),
        lambda ip, _hostname: is_name(name) and ip.startswith(start),
        lambda _ip, hostname: hostname == host or (is_name(name) and (hostname or "").startswith(start)),
    )
    machines = [(node, *machine(node)) for node in nodes]
    return next(
        (chosen for rule in rules if (chosen := [node for node, ip, own_name in machines if rule(ip, own_name)])),
        [],
    )


def _of_machine(nodes: Sequence[NodeName], name: str) -> list[NodeName]:
    return on_machine(nodes, name, lambda node: (node.ip, node.hostname))


def _nearest(nodes: Sequence[NodeName], name: str) -> list[str]:
    machines = {machine for node in nodes for machine in (node.ip, node.hostname) if machine and is_name(machine)}
    short = {machine.partition(".")[0]: machine for machine in sorted(machines, reverse=True)}
    part = name.partition(".")[0].lower()
    alike = [machine for machine in sorted(short) if machine[:1] == part[:1]]
    return [short[machine] for machine in nearest(part, alike or sorted(short))]


def is_name(text: str) -> bool:
    """Whether a text may be a name, and no address."""
    return any(letter.isalpha() for letter in text) and ":" not in text


def canonical(form: Callable[[str], str], text: str) -> str:
    """The one form of an address or a name; the text itself where it has none."""
    try:
        return form(text)
    except Invalid:
        return text


def _wrong(detail: str) -> Invalid:
    return Invalid.at(FIELD, "unknown_node", detail)
