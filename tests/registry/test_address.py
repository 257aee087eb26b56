"""Which addresses may be asked, in all of their spellings."""

from ipaddress import ip_address

import pytest

from bayplan.registry.address import AddressPolicy, Endpoint
from bayplan.registry.errors import RegistryError

HOST = Endpoint("https", "registry.example.org", 443)


@pytest.mark.parametrize("address", ["8.8.8.8", "2001:4860:4860::8888", "::ffff:8.8.8.8", "64:ff9b::808:808"])
def test_public_addresses_are_asked(address: str) -> None:
    """IPv4, IPv6, and IPv4 inside of IPv6."""
    assert AddressPolicy().permits(HOST, ip_address(address))


@pytest.mark.parametrize(
    "address",
    [
        *(
            "127.0.0.1",
            "127.8.8.8",
            "10.0.0.1",
            "172.16.0.1",
            "192.168.1.1",
            "169.254.169.254",
            "0.0.0.0",
            "100.64.0.1",
        ),
        *("224.0.0.1", "239.1.2.3", "255.255.255.255", "240.0.0.1", "192.0.2.1"),
        *("::1", "::", "fe80::1", "fc00::1", "fd00:ec2::254", "ff02::1", "ff0e::1"),
        *(
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "64:ff9b::7f00:1",
            "64:ff9b::a9fe:a9fe",
            "2002:7f00:1::",
            "2002:a00:1::",
            "64:ff9b:1::a00:1",
            "::10.0.0.1",
            "fec0::1",
            "4000::1",
        ),
    ],
)
def test_all_others_are_refused(address: str) -> None:
    """Loopback, private, link-local, shared, multicast, reserved; also inside of IPv6."""
    assert not AddressPolicy().permits(HOST, ip_address(address))


def test_what_is_allowed_is_that_and_no_more() -> None:
    """A network, an address, a host with all of its addresses, a host at one port."""
    by_network = AddressPolicy.of(["10.1.0.0/16", "fd00::/8", "192.168.1.1"])
    for address, allowed in (("10.1.2.3", True), ("10.2.0.1", False), ("fd12::1", True), ("192.168.1.1", True)):
        assert by_network.permits(HOST, ip_address(address)) is allowed
    assert by_network.permits(HOST, ip_address("::ffff:10.1.2.3"))
    by_name = AddressPolicy.of(["Registry.example.org"])
    assert by_name.permits(HOST, ip_address("10.0.0.1"))
    assert not by_name.permits(Endpoint("https", "other.example.org", 443), ip_address("10.0.0.1"))
    at_port = AddressPolicy.of(["registry.example.org:5000"])
    assert at_port.permits(Endpoint("https", "registry.example.org", 5000), ip_address("10.0.0.1"))
    assert not at_port.permits(HOST, ip_address("10.0.0.1"))
    in_brackets = AddressPolicy.of(["[::1]:5000"])
    assert in_brackets.permits(Endpoint("http", "::1", 5000), ip_address("::1"))
    assert not in_brackets.permits(Endpoint("http", "::1", 5001), ip_address("::1"))


@pytest.mark.parametrize(
    ("registry", "endpoint", "authority"),
    [
        ("docker.io", ("registry-1.docker.io", 443), "registry-1.docker.io"),
        ("registry.example.org:5000", ("registry.example.org", 5000), "registry.example.org:5000"),
        ("[::1]:5000", ("::1", 5000), "[::1]:5000"),
        ("[fe80::1]", ("fe80::1", 443), "[fe80::1]"),
    ],
)
def test_endpoints_of_registries(registry: str, endpoint: tuple[str, int], authority: str) -> None:
    """As references name them; docker.io is served by another host."""
    made = Endpoint.of_registry(registry, "https")
    assert (made.host, made.port) == endpoint
    assert made.authority == authority


def test_a_url_loses_what_is_not_asked_for() -> None:
    """User, password and fragment."""
    endpoint, target = Endpoint.of_url("https://user:pass@Blobs.example.org/a%20b?sig=1#part")
    assert endpoint == Endpoint("https", "blobs.example.org", 443)
    assert target == "/a%20b?sig=1"
    assert Endpoint.of_url("http://x.example.org")[1] == "/"


@pytest.mark.parametrize(
    "url", ["", "/token", "ftp://x/", "https://", "https://x:y/", "http://[x", "https://x/a b", "https://x/\n"]
)
def test_what_is_no_address_is_refused(url: str) -> None:
    """Without repeating it: it may have a signature."""
    with pytest.raises(RegistryError, match="The registry names an address"):
        Endpoint.of_url(url)


@pytest.mark.parametrize("host", ["bücher.example.org", f"{'a.' * 130}org"])
def test_what_is_no_host_is_refused(host: str) -> None:
    """It would go into a Host header, and into sentences that are stored."""
    with pytest.raises(RegistryError, match="not HTTP") as caught:
        Endpoint.of_url(f"https://{host}/token")
    assert host not in caught.value.detail


def test_insecure_is_by_host_and_port() -> None:
    """The port of plain HTTP need not be written where it is meant."""
    access = AddressPolicy.of(insecure=["registry.lan:5000", "old.lan:80"])
    assert access.is_insecure(Endpoint("http", "registry.lan", 5000))
    assert not access.is_insecure(Endpoint("http", "registry.lan", 80))
    assert access.is_insecure(Endpoint("http", "old.lan", 80))
