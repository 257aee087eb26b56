"""The address of a machine, an IP address or a host name, in one form: two spellings of one address are one machine."""

import ipaddress
import re

import idna

from bayplan.errors import Invalid

_LABELS = re.compile(r"[a-z0-9_][a-z0-9_-]{0,62}(\.[a-z0-9_][a-z0-9_-]{0,62})*")
_MOST_CHARACTERS = 253
# What an interface may be called in a link-local address (RFC 4007), without what a URL would have to escape (RFC 6874).
_ZONE = re.compile(r"[A-Za-z0-9._~-]{1,64}")
# Programs disagree about these: `010.0.0.1` is 8.0.0.1 to one of them, `127.1` is 127.0.0.1.
_ALMOST_IPV4 = re.compile(r"(0x[0-9a-f]*|[0-9]+)(\.(0x[0-9a-f]*|[0-9]+))+")


def machine_address(text: str) -> str:
    """Gives the one form of an address; raises `Invalid`.

    IPv6 is written as RFC 5952 has it, and as IPv4 where it maps one. A host name is in lower case, without the dot at its end,
    and in ASCII (`xn--...`) where it has other letters.
    """
    address = text.strip(" ")
    if address.startswith("[") and address.endswith("]"):
        address = address[1:-1]
        if ":" not in address:
            raise _not_an_address()
    return _ipv6(address) if ":" in address else _host(address)


def host_name(text: str) -> str:
    """Gives the one form of a machine's own name: lower case, in ASCII, without the dot at its end. Raises `Invalid`."""
    name = _in_ascii(text.strip(" "))
    if len(name) > _MOST_CHARACTERS or not _LABELS.fullmatch(name):
        raise Invalid("must be a host name: letters, digits, '-', '_', and dots between its parts", code="not_a_host")
    return name


def _ipv6(text: str) -> str:
    address, percent, zone = text.partition("%")
    try:
        parsed = ipaddress.IPv6Address(address)
    except ValueError:
        raise _not_an_address() from None
    if percent and not _ZONE.fullmatch(zone):
        raise _not_an_address("must name the interface of an IPv6 address by letters, digits, '.', '_', '~' and '-'")
    if parsed.ipv4_mapped is not None and not percent:
        return str(parsed.ipv4_mapped)
    return f"{parsed}{percent}{zone}"


def _host(text: str) -> str:
    name = _in_ascii(text)
    try:
        return str(ipaddress.IPv4Address(name))
    except ValueError:
        pass
    if _ALMOST_IPV4.fullmatch(name):
        raise _not_an_address("must be four decimal numbers without leading zeros where it is an IPv4 address")
    if len(name) > _MOST_CHARACTERS or not _LABELS.fullmatch(name):
        raise _not_an_address()
    return name


def _in_ascii(text: str) -> str:
    name = text
    if not name.isascii():
        try:
            name = idna.encode(name.removesuffix("."), uts46=True).decode()
        except UnicodeError:
            raise _not_an_address() from None
    return name.lower().removesuffix(".")


def _not_an_address(detail: str = "must be an IP address or a host name") -> Invalid:
    return Invalid(detail, code="not_a_host")
