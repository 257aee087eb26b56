"""The addresses that may be connected to: a registry's name comes from users, and must not lead into the server's network.

A name is resolved once, every address that it has is checked, and only those are connected to: a name that resolves
to something else a moment later (DNS rebinding) gains nothing.
"""

import asyncio
import contextlib
import logging
import socket
import threading
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from urllib.parse import urlsplit

from bayplan.registry.errors import RegistryError, RegistryNotAllowed, RegistryUnreachable

_log = logging.getLogger("bayplan")

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

PORTS = {"https": 443, "http": 80}
HUB = "registry-1.docker.io"
"""The host that serves the images of docker.io."""

_NAT64 = IPv6Network("64:ff9b::/96")
_GLOBAL = IPv6Network("2000::/3")  # all public addresses of IPv6
_NOT_PUBLIC = (
    IPv4Network(
        "192.0.0.0/24"
    ),  # of the own network by IANA's registry, which Python follows since 3.11.10; a cloud's metadata
    IPv4Network("192.88.99.0/24"),  # the nearest relay of 6to4
    IPv4Network("168.63.129.16/32"),  # Azure's platform, at every machine there
    IPv6Network("3fff::/20"),  # documentation
)
_LONGEST_HOST = 253
_LOOKUPS = threading.BoundedSemaphore(256)  # at once; the limit is reached only where name servers hang


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a connection goes: scheme, host in lower case without brackets, port."""

    scheme: str
    host: str
    port: int

    @property
    def authority(self) -> str:
        """The host as a Host header has it: with the port where it is not the scheme's own, IPv6 in brackets."""
        return self.at_port.removesuffix(f":{PORTS[self.scheme]}")

    @property
    def at_port(self) -> str:
        """Host and port as settings have them, IPv6 in brackets."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def is_secure(self) -> bool:
        """Whether TLS protects it."""
        return self.scheme == "https"

    @property
    def names_loopback(self) -> bool:
        """Whether the host's name is that of loopback; what other names resolve to does not count."""
        try:
            return ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"

    @property
    def is_numeric(self) -> bool:
        """Whether the host is an address, in any of the spellings that resolvers take (`127.1`, `0x7f000001`)."""
        for read in (ip_address, socket.inet_aton):
            with contextlib.suppress(ValueError, OSError):
                read(self.host.rstrip("."))
                return True
        return False

    @classmethod
    def of_registry(cls, registry: str, scheme: str) -> "Endpoint":
        """The endpoint of a registry as references name it: `registry.example.org:5000`, `docker.io`."""
        return cls.of_url(f"{scheme}://{HUB if registry == 'docker.io' else registry}/")[0]

    @classmethod
    def of_url(cls, url: str) -> "tuple[Endpoint, str]":
        """The endpoint of a URL and the target there (path and query); user, password and fragment are dropped.

        Raises RegistryError, which does not repeat the URL, for a URL that is not HTTP.
        """
        try:
            split = urlsplit(url)
            port = split.port
        except ValueError:
            raise RegistryError(
                "The registry gives an address that is not a URL. Report it to the registry's operators."
            ) from None
        host = split.hostname or ""
        is_host = bool(host) and host.isascii() and len(host) <= _LONGEST_HOST
        if split.scheme not in PORTS or not is_host or not url.isprintable() or " " in url:
            raise RegistryError(
                "The registry gives an address that is not HTTP. Report it to the registry's operators."
            )
        target = (split.path or "/") + (f"?{split.query}" if split.query else "")
        return cls(split.scheme, host, PORTS[split.scheme] if port is None else port), target


@dataclass(frozen=True, slots=True)
class AddressPolicy:
    """What the settings allow beyond public registries with TLS: networks at every port, hosts and addresses at theirs."""

    networks: tuple[Network, ...] = ()
    hosts: frozenset[tuple[str, int]] = frozenset()
    addresses: frozenset[tuple[Address, int]] = frozenset()
    insecure: frozenset[str] = frozenset()

    @classmethod
    def of(cls, allow_private: Iterable[str] = (), insecure: Iterable[str] = ()) -> "AddressPolicy":
        """Reads BAYPLAN_REGISTRY_ALLOW_PRIVATE (hosts and addresses, each with a port or not; networks) and BAYPLAN_REGISTRY_INSECURE."""
        networks: list[Network] = []
        hosts: set[tuple[str, int]] = set()
        addresses: set[tuple[Address, int]] = set()
        for entry in allow_private:
            if "/" in entry:
                networks.append(ip_network(entry, strict=False))
                continue
            host, ports = _host_and_ports(entry)
            try:
                address = ip_address(host)
            except ValueError:
                hosts |= {(host, port) for port in ports}
            else:
                addresses |= {(target, port) for target in _destinations(address) for port in ports}
        return cls(
            tuple(networks), frozenset(hosts), frozenset(addresses), frozenset(entry.lower() for entry in insecure)
        )

    def is_insecure(self, endpoint: Endpoint) -> bool:
        """Whether plain HTTP was allowed for that host and port."""
        return not self.insecure.isdisjoint((endpoint.authority, endpoint.at_port))

    def goes_by_proxy(self, endpoint: Endpoint) -> bool:
        """Whether requests go by a proxy where there is one: those to names outside of the server's network, over TLS.

        Hosts that the settings allow are inside it: without a port at every one, so that none but 443 and 80 is asked. Plain
        HTTP does not go by a proxy, which could read it; nor do numeric addresses, which are checked here.
        """
        name = endpoint.host.rstrip(".")
        has_no_port = {(name, port) for port in PORTS.values()} <= self.hosts
        is_inside = has_no_port or (name, endpoint.port) in self.hosts
        is_here = name == "localhost" or name.endswith(".localhost")
        return endpoint.is_secure and not (is_inside or is_here or endpoint.is_numeric)

    def permits(self, endpoint: Endpoint, address: Address) -> bool:
        """Whether this address may be connected to for that endpoint."""
        if (endpoint.host.rstrip("."), endpoint.port) in self.hosts:
            return True
        return all(
            _is_public(target)
            or (target, endpoint.port) in self.addresses
            or any(target.version == net.version and target in net for net in self.networks)
            for target in _destinations(address)
        )


def _host_and_ports(entry: str) -> tuple[str, tuple[int, ...]]:
    """The host of `host`, `host:port`, `::1` or `[::1]:port`, and its ports: those of HTTPS and HTTP where it names none."""
    host, separator, port = entry.rpartition(":")
    has_port = bool(separator) and (":" not in host or host.endswith("]"))
    name = (host if has_port else entry).strip("[]").lower().rstrip(".")
    return name, (int(port),) if has_port else tuple(PORTS.values())


def _is_public(address: Address) -> bool:
    within = isinstance(address, IPv4Address) or address in _GLOBAL
    is_special = any(address in network for network in _NOT_PUBLIC)
    return within and address.is_global and not (address.is_multicast or is_special)


def _destinations(address: Address) -> tuple[Address, ...]:
    """The addresses where packets to it end: the IPv4 addresses that it embeds, else itself."""
    if not isinstance(address, IPv6Address):
        return (address,)
    inner = address.ipv4_mapped or address.sixtofour
    if inner is not None:
        return (inner,)
    if address.teredo is not None:
        return address.teredo
    if address in _NAT64:
        return (IPv4Address(int(address) & 0xFFFFFFFF),)
    return (address,)


async def resolve(endpoint: Endpoint, access: AddressPolicy) -> tuple[Address, ...]:
    """All addresses of an endpoint's host, each of them allowed.

    Raises RegistryUnreachable where there are none, RegistryNotAllowed where one of them is not allowed.
    """
    addresses = await _addresses(endpoint)
    if not addresses:
        raise RegistryUnreachable(
            f"The host '{endpoint.host}' cannot be found: check the name of the image's registry, and the network."
        )
    for address in addresses:
        if not access.permits(endpoint, address):
            # The answer goes to whoever named the host: the address that it has in the server's network is for the log.
            _log.info("Not asked as a registry: %s, at %s, which is not a public address", endpoint.at_port, address)
            raise RegistryNotAllowed(
                f"'{endpoint.authority}' has no public address, so bayplan does not connect to it. If it is a registry, "
                f"whoever runs the server adds {endpoint.at_port} to BAYPLAN_REGISTRY_ALLOW_PRIVATE."
            )
    return addresses


async def _addresses(endpoint: Endpoint) -> tuple[Address, ...]:
    """The addresses from the system's resolver, none where it fails, or where hundreds wait for it.

    Each lookup has a thread of its own, which hangs as long as the name servers do: in the event loop's few threads it
    would hold up the lookups of other hosts, all other work in threads, and the end of the program.
    """
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[tuple[Address, ...]] = loop.create_future()

    def set_answer(addresses: tuple[Address, ...]) -> None:
        if not answer.done():
            answer.set_result(addresses)

    def lookup() -> None:
        addresses: tuple[Address, ...] = ()
        try:
            entries = socket.getaddrinfo(endpoint.host, endpoint.port, type=socket.SOCK_STREAM)
            addresses = tuple(dict.fromkeys(ip_address(str(entry[4][0]).partition("%")[0]) for entry in entries))
        except (OSError, UnicodeError, OverflowError):
            pass
        finally:
            _LOOKUPS.release()
            with contextlib.suppress(RuntimeError):  # the loop has ended meanwhile
                loop.call_soon_threadsafe(set_answer, addresses)

    if not _LOOKUPS.acquire(blocking=False):
        return ()
    threading.Thread(target=lookup, name=f"look-up of {endpoint.host}", daemon=True).start()
    return await answer
