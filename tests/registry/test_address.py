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
        *("192.0.0.192", "192.88.99.1", "168.63.129.16", "::ffff:192.0.0.192", "3fff::1"),
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


def at(host: str, port: int) -> Endpoint:
    """A host at a port."""
    return Endpoint("https", host, port)


def test_a_network_is_allowed_at_every_port() -> None:
    by_network = AddressPolicy.of(["10.1.0.0/16", "fd00::/8", "192.168.1.1/32"])
    for address, allowed in (("10.1.2.3", True), ("10.2.0.1", False), ("fd12::1", True), ("192.168.1.1", True)):
        assert by_network.permits(HOST, ip_address(address)) is allowed
        assert by_network.permits(at("registry.example.org", 22), ip_address(address)) is allowed
    assert by_network.permits(HOST, ip_address("::ffff:10.1.2.3"))


@pytest.mark.parametrize(
    ("entry", "ports"),
    [
        ("Registry.Example.org", {443, 80}),
        ("registry.example.org.", {443, 80}),
        ("registry.example.org:5000", {5000}),
        ("10.0.0.1", {443, 80}),
        ("10.0.0.1:5000", {5000}),
        ("10.0.0.2", set()),
        ("other.example.org", set()),
    ],
)
def test_a_host_is_allowed_with_its_port(entry: str, ports: set[int]) -> None:
    """Without one 443 and 80; so is an address, whatever name leads to it."""
    access = AddressPolicy.of([entry])
    tried = (22, 80, 443, 5000, 5432, 8443)
    for name in ("registry.example.org", "registry.example.org."):
        assert {port for port in tried if access.permits(at(name, port), ip_address("10.0.0.1"))} == ports
    assert not access.permits(at("third.example.org", 8443), ip_address("10.0.0.1"))


@pytest.mark.parametrize(("entry", "ports"), [("::1", {443, 80}), ("[::1]", {443, 80}), ("[::1]:5000", {5000})])
def test_an_address_of_ipv6_is_allowed_with_its_port(entry: str, ports: set[int]) -> None:
    access = AddressPolicy.of([entry])
    assert {port for port in (80, 443, 5000) if access.permits(at("::1", port), ip_address("::1"))} == ports


def test_a_host_of_the_own_network_goes_by_no_proxy_at_another_port() -> None:
    """There its address is checked, which the proxy would not do."""
    access = AddressPolicy.of(["registry.example.org"])
    for port in (443, 5000, 22):
        assert not access.goes_by_proxy(at("registry.example.org", port))
    assert access.goes_by_proxy(at("other.example.org", 5000))


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
    with pytest.raises(RegistryError, match="The registry gives an address"):
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
