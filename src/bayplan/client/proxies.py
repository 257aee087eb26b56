"""The proxy between a client and its server, as the environment's variables have it.

`http_proxy` or `https_proxy` by the server's scheme, else `all_proxy`, in either case, the lower one first; not for servers
that `no_proxy` names. The entries of `no_proxy` are read as curl reads them, and those that cannot be read are passed over.
"""

import os
import re
from dataclasses import dataclass, field
from importlib.util import find_spec
from ipaddress import ip_address, ip_network
from urllib.parse import SplitResult, urlsplit
from urllib.request import getproxies

from bayplan.errors import CannotStart

_PORTS = {"http": 80, "https": 443}
_SOCKS = ("socks5", "socks5h")
_UNPRINTABLE = re.compile(r"[\s\x00-\x1f\x7f]")
_ENTRIES = re.compile(r"[\s,]+")


@dataclass(frozen=True, slots=True)
class ServerProxy:
    """A proxy: its address, which may hold a password, and the name of the variable that it is from."""

    variable: str
    url: str = field(repr=False)


def proxy_for(server: str) -> ServerProxy | None:
    """The proxy for that server, None where it is reached directly.

    Raises `CannotStart` naming the variable where its proxy cannot be used, without its value.
    """
    address = urlsplit(server)
    proxies = getproxies()
    for scheme in (address.scheme, "all"):
        url = proxies.get(scheme, "").strip()
        if url and not _is_direct(address, proxies.get("no", "")):
            variable = _variable(f"{scheme}_proxy")
            return ServerProxy(variable, _checked(variable, url, str(address.hostname)))
    return None


def _variable(name: str) -> str:
    """The name as the environment spells it."""
    spellings = [spelling for spelling, value in os.environ.items() if spelling.lower() == name and value]
    return name if name in spellings or not spellings else spellings[0]


def _checked(variable: str, text: str, host: str) -> str:
    """The proxy's address with its scheme."""
    url = text if "://" in text else f"http://{text}"
    instead = f"name an HTTP proxy there, like http://proxy.example.org:3128, or name {host} in NO_PROXY."
    try:
        proxy = urlsplit(url)
        usable = not _UNPRINTABLE.search(url) and bool(proxy.hostname) and proxy.port != 0
        (proxy.hostname or "").encode("idna")  # as a look-up of the name does
    except ValueError:
        usable = False
    if not usable:
        raise CannotStart(f"{variable} holds no proxy's address: {instead}")
    if proxy.scheme in _SOCKS and find_spec("socksio") is None:
        raise CannotStart(f"{variable} names a SOCKS proxy, for which the package socksio is missing: {instead}")
    if proxy.scheme not in (*_PORTS, *_SOCKS):
        raise CannotStart(f"{variable} names a proxy of the kind {proxy.scheme}, which is not supported: {instead}")
    return url


def _is_direct(server: SplitResult, no_proxy: str) -> bool:
    return any(_names(entry.lower(), server) for entry in _ENTRIES.split(no_proxy) if entry)


def _names(entry: str, server: SplitResult) -> bool:
    """Whether an entry of `no_proxy` names the server.

    An entry is `*`, a name with all names below it, an address or a network, each also with a port or a scheme.
    """
    scheme, separator, rest = entry.partition("://")
    if separator:
        if scheme not in (server.scheme, "all"):
            return False
        entry = rest.rstrip("/")
    if entry == "*":
        return True
    host = str(server.hostname).rstrip(".")
    if _is_within(host, entry):
        return True
    name, separator, port = entry.rpartition(":")
    if separator and port.isascii() and port.isdigit() and (":" not in name or name.endswith("]")):
        if int(port) != (server.port or _PORTS[server.scheme]):
            return False
        if _is_within(host, name):
            return True
    else:
        name = entry
    name = name.removeprefix("*").removeprefix(".").rstrip(".")
    return bool(name) and (host == name or host.endswith(f".{name}"))


def _is_within(host: str, entry: str) -> bool:
    """Whether the host is an address, and the entry is that address or a network that it belongs to."""
    try:
        return ip_address(host) in ip_network(entry.replace("[", "").replace("]", ""), strict=False)
    except ValueError:
        return False
