"""Registries behind a proxy: what goes through it, what it sees, and what it is never asked for."""

import ssl
from functools import partial
from pathlib import Path

import pytest

from bayplan.domain.reference import Reference
from bayplan.registry.address import AddressPolicy, Endpoint
from bayplan.registry.client import RegistryClient
from bayplan.registry.errors import RegistryNotAllowed, RegistryUnreachable
from bayplan.registry.inspect import inspect
from tests.registry.asking import IMAGE, LOGIN
from tests.registry.certificates import self_signed
from tests.registry.conftest import QUICK
from tests.registry.misbehaving import Asked, serving
from tests.registry.proxy import proxying
from tests.registry.running import Registry, configuration, digest_of

pytestmark = pytest.mark.anyio
NAME = "registry.test"
"""Which no resolver knows: only a proxy can lead there."""


@pytest.mark.parametrize("registry", ["tls"], indirect=True)
@pytest.mark.parametrize("credentials", [None, "us%40er:p:w"])
async def test_a_registry_is_read_through_a_proxy(registry: Registry, credentials: str | None) -> None:
    """All of an image, over connections that are used again; the proxy's own credentials are as its URL has them."""
    pushed = registry.image("ml/far", "1", configuration({"CUDA_VERSION": "12.4.1"}))
    reference = Reference.parse(f"{NAME}:{registry.port}/ml/far:1")
    async with proxying(credentials=credentials and credentials.replace("%40", "@")) as proxy:
        url = proxy.url.replace("//", f"//{credentials}@") if credentials else proxy.url
        async with RegistryClient(AddressPolicy(), limits=QUICK, ca=registry.ca, proxy=url) as client:
            inspection = await inspect(client, reference)
            assert await client.digest(reference) == inspection.digest == pushed["digest"]
        assert set(proxy.asked) == {f"CONNECT {NAME}:{registry.port} HTTP/1.1"}
        assert len(proxy.asked) <= QUICK.connections
    assert inspection.platforms[0].facts["cuda_version"].value == "12.4.1"


@pytest.mark.parametrize("registry", ["tls"], indirect=True)
async def test_certificates_are_checked_through_a_proxy(registry: Registry) -> None:
    """The registry's own, for the name that was asked for."""
    names = {NAME: "BAYPLAN_REGISTRY_CA", "other.test": "Hostname mismatch"}
    async with proxying() as proxy:
        for name, why in names.items():
            ca = None if name == NAME else registry.ca
            async with RegistryClient(AddressPolicy(), limits=QUICK, ca=ca, proxy=proxy.url) as client:
                with pytest.raises(RegistryUnreachable, match=why):
                    await client.digest(Reference.parse(f"{name}:{registry.port}/ml/far:1"))


async def test_a_proxy_sees_no_credentials_of_a_registry(tmp_path: Path) -> None:
    """Neither password nor token, nor which image is asked for."""
    own = self_signed(tmp_path, "own")
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(own.certificate, own.key)

    async def handler(asked: Asked) -> None:
        if asked.target.startswith("/token"):
            await asked.answer(200, b'{"token": "token-of-the-registry"}')
        elif "authorization" not in asked.headers:
            realm = f"https://{asked.headers['host']}/token"
            await asked.answer(401, WWW_Authenticate=f'Bearer realm="{realm}",service="s"')
        else:
            await IMAGE.answer(asked)

    async with serving(handler, tls) as server, proxying() as proxy:
        async with RegistryClient(AddressPolicy(), limits=QUICK, ca=own.certificate, proxy=proxy.url) as client:
            reference = Reference.parse(f"{NAME}:{server.port}/ml/x:1")
            assert await client.digest(reference, LOGIN) == digest_of(IMAGE.documents["/v2/ml/x/manifests/1"][1])
        assert LOGIN.basic in server.sent_credentials()
        assert "Bearer token-of-the-registry" in server.sent_credentials()
    for secret in (LOGIN.password, LOGIN.basic, LOGIN.basic.split()[1], "token-of-the-registry", "ml/x"):
        assert secret.encode() not in proxy.seen
    assert len(proxy.seen) > 1000


@pytest.mark.parametrize(
    ("url", "by_proxy"),
    [
        ("https://registry.example.org", True),
        ("https://registry.example.org:5000", True),
        ("http://registry.example.org", False),  # a proxy could read it
        ("https://inside.example.org", False),  # in the own network, say the settings
        ("https://inside.example.org:5000", False),
        ("https://elsewhere.example.org:5000", False),
        ("https://elsewhere.example.org", True),
        *((f"https://{host}", False) for host in ("localhost", "localhost.", "a.localhost", "127.0.0.1", "127.0.0.1.")),
        *((f"https://{host}", False) for host in ("127.1", "0x7f000001", "2130706433", "169.254.169.254", "8.8.8.8")),
        *(
            (f"https://{host}", False)
            for host in ("[::1]", "[::ffff:10.0.0.1]", "[2001:4860:4860::8888]", "[fe80::1%25lo]")
        ),
    ],
)
def test_what_goes_by_a_proxy(url: str, by_proxy: bool) -> None:
    """Names outside of the own network, over TLS. What is named by its address is checked as it is without a proxy."""
    access = AddressPolicy.of(["inside.example.org", "elsewhere.example.org:5000"])
    assert access.goes_by_proxy(Endpoint.of_url(url)[0]) is by_proxy


async def test_a_proxy_is_no_way_around_the_check_of_addresses() -> None:
    """Addresses that are not public, however they are written, and this machine: refused, and the proxy is not asked."""
    locations = (
        "https://169.254.169.254/",
        "https://127.1/",
        "https://localhost/",
        "https://[::1]/",
        "https://0xa000001/",
    )
    async with proxying() as proxy:
        for location in locations:
            async with serving(partial(_redirect, location)) as server:
                access = AddressPolicy.of([server.host])
                async with RegistryClient(access, limits=QUICK, proxy=proxy.url) as client:
                    with pytest.raises(RegistryNotAllowed, match="has no public address"):
                        await client.digest(Reference.parse(f"{server.host}/ml/x:1"))
        assert proxy.asked == []


async def _redirect(location: str, asked: Asked) -> None:
    await asked.answer(302, Location=location)


async def test_what_is_allowed_or_insecure_by_name_is_asked_without_the_proxy() -> None:
    """And so cannot be found here, where only the proxy leads to it."""
    by_name = AddressPolicy.of([NAME]), AddressPolicy.of(insecure=[f"{NAME}:5000"])
    async with proxying() as proxy:
        for access in by_name:
            async with RegistryClient(access, limits=QUICK, proxy=proxy.url) as client:
                with pytest.raises(RegistryUnreachable, match="cannot be found"):
                    await client.digest(Reference.parse(f"{NAME}:5000/ml/x:1"))
        assert proxy.asked == []


@pytest.mark.parametrize("status", [403, 407, 502])
async def test_a_proxy_that_refuses(status: int) -> None:
    """A sentence that names the setting and what it answered, and not its password."""
    async with proxying(status=status) as proxy:
        url = proxy.url.replace("//", "//casey:secret-of-the-proxy@")
        async with RegistryClient(AddressPolicy(), limits=QUICK, proxy=url) as client:
            with pytest.raises(
                RegistryUnreachable, match=f"BAYPLAN_REGISTRY_PROXY does not connect .* {status}"
            ) as caught:
                await client.digest(Reference.parse(f"{NAME}/ml/x:1"))
    assert "secret-of-the-proxy" not in caught.value.detail


async def test_a_proxy_that_is_not_there() -> None:
    """Not the registry's fault, and the sentence says so."""
    async with RegistryClient(AddressPolicy(), limits=QUICK, proxy="http://127.0.0.1:9") as client:
        with pytest.raises(RegistryUnreachable, match="through the proxy in BAYPLAN_REGISTRY_PROXY"):
            await client.digest(Reference.parse(f"{NAME}/ml/x:1"))
