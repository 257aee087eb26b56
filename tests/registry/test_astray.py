"""Registries that lead astray: redirects, token services, and what they ever see of credentials."""

import asyncio
import gc
import json
import logging
import ssl
import time
from functools import partial
from pathlib import Path

import pytest

from bayplan.domain.reference import Reference
from bayplan.registry.address import AddressPolicy
from bayplan.registry.client import RegistryClient
from bayplan.registry.errors import RegistryDenied, RegistryError, RegistryNotAllowed
from tests.registry.asking import IMAGE, LOGIN, inspected
from tests.registry.certificates import self_signed
from tests.registry.conftest import LOOPBACK, QUICK
from tests.registry.misbehaving import Asked, Handler, serving

pytestmark = pytest.mark.anyio


async def test_an_endless_redirect() -> None:
    """Followed five times, not for ever; a redirect to itself and one that grows."""
    async with serving(lambda asked: asked.answer(307, Location=asked.target + "x")) as server:
        with pytest.raises(RegistryError, match="redirects more than"):
            await inspected(server)
        assert len(server.asked) == 6


@pytest.mark.parametrize(
    "location",
    ["http://169.254.169.254/latest/meta-data/", "https://10.0.0.1/", "http://[::ffff:10.0.0.1]/", "http://0.0.0.0/"],
)
async def test_a_redirect_into_the_network(location: str) -> None:
    """Private and link-local addresses are refused behind a redirect as well, in every spelling."""
    async with serving(lambda asked: asked.answer(302, Location=location)) as server:
        with pytest.raises(RegistryNotAllowed):
            await inspected(server)


@pytest.mark.parametrize(
    "location", ["ftp://127.0.0.1/", "//", "http://[bad/", "http://127.0.0.1:99999/", "file:///etc"]
)
async def test_a_redirect_to_nonsense(location: str) -> None:
    """An error of the registry, in a sentence."""
    async with serving(lambda asked: asked.answer(302, Location=location)) as server:
        with pytest.raises(RegistryError) as caught:
            await inspected(server)
        assert caught.value.code == "registry_error"


async def test_credentials_stay_behind_at_a_redirect() -> None:
    """Blobs that lie elsewhere are read, and the credentials do not go there."""
    async with serving(IMAGE.answer) as elsewhere:

        async def handler(asked: Asked) -> None:
            if "authorization" not in asked.headers:
                await asked.answer(401, WWW_Authenticate='Basic realm="x"')
            elif "/blobs/" in asked.target:
                await asked.answer(307, Location=f"http://user:pass@{elsewhere.host}{asked.target}")
            else:
                await IMAGE.answer(asked)

        async with serving(handler) as server:
            assert (await inspected(server, credentials=LOGIN)).platforms
            assert set(server.sent_credentials()) == {LOGIN.basic}
        assert len(elsewhere.asked) == 1
        assert elsewhere.sent_credentials() == []


async def test_a_challenge_behind_a_redirect_is_not_followed() -> None:
    """Another host that asks for the credentials does not get them."""
    async with serving(lambda asked: asked.answer(401, WWW_Authenticate='Basic realm="give"')) as elsewhere:
        async with serving(lambda asked: asked.answer(302, Location=f"http://{elsewhere.host}/")) as server:
            with pytest.raises(RegistryError):
                await inspected(server, credentials=LOGIN)
        assert elsewhere.sent_credentials() == []


def announcing(realm: str) -> Handler:
    """A registry that names a token service."""
    return lambda asked: asked.answer(401, WWW_Authenticate=f'Bearer realm="{realm}",service="s"')


async def test_a_token_realm_on_another_host_without_tls() -> None:
    """No credentials are sent there, and it is not even asked."""
    for realm in ("http://auth.example.org/token", "http://10.0.0.1/token", "gopher://x", "", "/token"):
        async with serving(announcing(realm)) as server:
            with pytest.raises(RegistryError):
                await inspected(server, credentials=LOGIN)
            assert server.sent_credentials() == []


async def test_a_registry_with_tls_cannot_lead_credentials_out_of_it(tmp_path: Path) -> None:
    """Not even to a token service on loopback; nor a redirect."""
    own = self_signed(tmp_path, "own")
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(own.certificate, own.key)
    async with serving(lambda asked: asked.answer(200, b'{"token": "t"}')) as plain:
        places = (
            announcing(f"http://{plain.host}/token"),
            lambda asked: asked.answer(302, Location=f"http://{plain.host}/"),
        )
        for handler in places:
            async with serving(handler, tls) as server:
                with pytest.raises(RegistryNotAllowed, match="TLS"):
                    await inspected(server, credentials=LOGIN, ca=own.certificate)
        assert plain.asked == []


async def test_a_token_realm_in_the_network() -> None:
    """A token service over TLS at a private address is refused before anything is sent."""
    async with serving(announcing("https://169.254.169.254/token")) as server:
        with pytest.raises(RegistryNotAllowed, match="has no public address"):
            await inspected(server, credentials=LOGIN)


@pytest.mark.parametrize(
    "body", [b"", b"[]", b'{"token": 7}', b'{"token": "a\\r\\nX: y"}', b'{"token": ""}', b"x" * 10**6]
)
async def test_a_token_service_that_talks_nonsense(body: bytes) -> None:
    """An error of the registry; nothing of it reaches a header."""

    async def handler(asked: Asked) -> None:
        if asked.target.startswith("/token"):
            await asked.answer(200, body)
        else:
            await announcing(f"http://{asked.headers['host']}/token")(asked)

    async with serving(handler) as server:
        with pytest.raises(RegistryError) as caught:
            await inspected(server, credentials=LOGIN)
        assert caught.value.code == "registry_error"
        assert server.sent_credentials() == [LOGIN.basic]


async def test_tokens_that_are_never_good_enough() -> None:
    """A registry that refuses what its own token service gave is asked twice, not for ever."""

    async def handler(asked: Asked) -> None:
        if asked.target.startswith("/token"):
            await asked.answer(200, json.dumps({"token": f"t{time.monotonic_ns()}"}).encode())
        else:
            await announcing(f"http://{asked.headers['host']}/token")(asked)

    async with serving(handler) as server:
        with pytest.raises(RegistryDenied):
            await inspected(server, credentials=LOGIN)
        assert len(server.asked) == 3


async def test_refusals_leave_nothing_in_memory() -> None:
    """However many repositories and credentials a registry refuses."""

    async def handler(asked: Asked) -> None:
        await (
            asked.answer(403) if asked.target.startswith("/token") else announcing(f"http://{server.host}/token")(asked)
        )

    def locks() -> int:
        gc.collect()
        return sum(isinstance(candidate, asyncio.Lock) for candidate in gc.get_objects())

    async with serving(handler) as server, RegistryClient(LOOPBACK, limits=QUICK) as client:
        before = 0
        for number in range(40):
            before = before or (locks() if number == 5 else 0)
            with pytest.raises(RegistryDenied):
                await client.digest(Reference.parse(f"{server.host}/ml/{number}:1"), LOGIN)
        assert locks() < before + 10


async def test_no_secret_in_any_log(caplog: pytest.LogCaptureFixture) -> None:
    """Neither password nor token nor a redirect's signature, at the most talkative level there is."""
    caplog.set_level(logging.DEBUG)

    async def handler(asked: Asked) -> None:
        if asked.target.startswith("/token"):
            await asked.answer(200, b'{"token": "token-of-the-registry"}')
        elif "authorization" not in asked.headers:
            await announcing(f"http://{asked.headers['host']}/token")(asked)
        elif "/blobs/" in asked.target and "?" not in asked.target:
            await asked.answer(307, Location=f"{asked.target}?signature=of-the-redirect")
        else:
            asked.target = asked.target.partition("?")[0]
            await IMAGE.answer(asked)

    async with serving(handler) as server:
        assert (await inspected(server, credentials=LOGIN)).platforms
    for secret in (LOGIN.password, LOGIN.basic.split()[1], "token-of-the-registry", "of-the-redirect"):
        assert secret not in caplog.text


async def test_what_is_refused_is_answered_alike(caplog: pytest.LogCaptureFixture) -> None:
    """An open port, a closed one, a name of a private address; by itself, by a redirect, by a token service. Details are in the log."""
    caplog.set_level(logging.INFO, "bayplan")
    async with serving(IMAGE.answer) as inside:
        refused = (inside.host, "127.0.0.1:9", f"localhost:{inside.port}", "localhost:9", "10.255.255.1:5000")
        sentences: set[str] = set()
        for host in refused:
            begun = time.monotonic()
            async with RegistryClient(AddressPolicy(), limits=QUICK) as client:
                with pytest.raises(RegistryNotAllowed) as caught:
                    await client.digest(Reference.parse(f"{host}/ml/x:1"))
            sentences.add(caught.value.detail.replace(host, "HOST"))
            assert time.monotonic() - begun < 2
        assert len(sentences) == 1
        assert "127.0.0.1" not in caught.value.detail
        leading: set[str] = set()
        for port in (inside.port, 9):
            for handler in (
                partial(_redirect, f"https://localhost:{port}/"),
                announcing(f"https://localhost:{port}/token"),
            ):
                async with serving(handler) as server:
                    access = AddressPolicy.of([server.host])
                    async with RegistryClient(access, limits=QUICK) as client:
                        with pytest.raises(RegistryNotAllowed) as caught:
                            await client.manifest(Reference.parse(f"{server.host}/ml/x:1"), LOGIN)
                leading.add(caught.value.detail.replace(str(port), "PORT"))
        assert len(leading) == 1
        assert "127.0.0.1" not in str(leading)
        assert inside.asked == []
    assert f"localhost:{inside.port}, at 127.0.0.1" in caplog.text or f"localhost:{inside.port}, at ::1" in caplog.text


async def _redirect(location: str, asked: Asked) -> None:
    await asked.answer(302, Location=location)
