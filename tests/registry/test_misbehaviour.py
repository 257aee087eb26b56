"""Registries that lie, stall, lead astray or fall apart: each ends in time, in bounds, with a sentence."""

import asyncio
import json
import logging
import ssl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from bayplan.domain.reference import Reference
from bayplan.registry.address import Access
from bayplan.registry.challenge import Login
from bayplan.registry.client import RegistryClient
from bayplan.registry.connection import Limits
from bayplan.registry.errors import (
    DigestMismatch,
    ManifestInvalid,
    ManifestTooLarge,
    RegistryDenied,
    RegistryError,
    RegistryNotAllowed,
    RegistryTimeout,
    RegistryUnreachable,
)
from bayplan.registry.patience import Patience
from bayplan.registry.read import Inspection, inspect
from tests.registry.certificates import self_signed
from tests.registry.conftest import HURRIED, LOOPBACK
from tests.registry.misbehaving import Asked, Handler, Server, Store, serving
from tests.registry.running import OCI_MANIFEST, digest_of

pytestmark = pytest.mark.anyio

LOGIN = Login("casey", "hunter2-of-the-registry")
IMAGE = Store()
IMAGE.image("1", env={"CUDA_VERSION": "12.4.1"})


async def inspected(
    server: Server,
    *,
    login: Login | None = None,
    limits: Limits = HURRIED,
    access: Access = LOOPBACK,
    ca: Path | None = None,
) -> Inspection:
    """What is read from the server's `ml/x:1`."""
    async with RegistryClient(access, limits=limits, ca=ca) as client:
        return await inspect(client, Reference.parse(f"{server.host}/ml/x:1"), login)


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """Fails where the block takes longer."""
    begun = time.monotonic()
    yield
    assert time.monotonic() - begun < seconds


async def test_the_honest_one() -> None:
    """What the others are compared with."""
    async with serving(IMAGE.answer) as server:
        found = await inspected(server)
    assert found.platforms[0].facts["cuda_version"].value == "12.4.1"


async def test_truncated_json() -> None:
    """Half a manifest, with the digest that half a manifest has."""
    half = json.dumps({"schemaVersion": 2, "mediaType": OCI_MANIFEST}).encode()[:-9]
    async with serving(lambda asked: asked.answer(200, half, Docker_Content_Digest=digest_of(half))) as server:
        with pytest.raises(ManifestInvalid, match="not JSON, or not all of it"):
            await inspected(server)


@pytest.mark.parametrize(
    "body",
    [
        *(b"[" * 100_000, b"[]", b"\xff\xfe", b"{}", b"null", b'{"manifests": 7}'),
        b'{"schemaVersion": 1, "fsLayers": []}',
        b'{"manifests": [], "config": {}, "layers": []}',
        b'{"mediaType": 3, "config": {}, "layers": []}',
    ],
    ids=range(9),
)
async def test_nonsense(body: bytes) -> None:
    """Whatever comes in place of a manifest, it is `manifest_invalid`."""
    async with serving(lambda asked: asked.answer(200, body)) as server:
        with pytest.raises(ManifestInvalid):
            await inspected(server)


async def test_a_connection_that_breaks_in_the_middle() -> None:
    """Fewer bytes than announced: asked again, then unreachable."""

    async def handler(asked: Asked) -> None:
        asked.begin(200, {"Content-Length": "1000"})
        asked.writer.write(b"{")
        asked.writer.close()

    async with serving(handler) as server:
        with pytest.raises(RegistryUnreachable, match="broke before"):
            await inspected(server)
        assert len(server.asked) == HURRIED.patience.attempts


@pytest.mark.parametrize("what", ["manifests", "blobs"])
async def test_wrong_digest(what: str) -> None:
    """Bytes that were changed on the way, in the manifest or in the configuration."""

    async def handler(asked: Asked) -> None:
        media_type, body = IMAGE.documents[asked.target]
        changed = body.replace(b"12.4.1", b"99.9.9") + (b" " if what == "manifests" else b"")
        told = {"Docker_Content_Digest": digest_of(body)} if f"/{what}/" in asked.target else {}
        await asked.answer(200, changed if told else body, Content_Type=media_type, **told)

    async with serving(handler) as server:
        with pytest.raises(DigestMismatch, match="not what its digest says"):
            await inspected(server)


async def test_another_digest_than_the_one_asked_for() -> None:
    """A reference with a digest is never answered with another image, by GET or by HEAD."""
    wanted = Reference.parse(f"x.example.org/ml/x@sha256:{'1' * 64}")
    body = IMAGE.documents["/v2/ml/x/manifests/1"][1]
    async with serving(lambda asked: asked.answer(200, body, Docker_Content_Digest=digest_of(body))) as server:
        reference = Reference.parse(f"{server.host}/ml/x@{wanted.digest}")
        async with RegistryClient(LOOPBACK, limits=HURRIED) as client:
            for ask in (client.manifest, client.digest):
                with pytest.raises(DigestMismatch):
                    await ask(reference)


@pytest.mark.parametrize("announced", [True, False])
async def test_a_manifest_of_200_megabytes(announced: bool) -> None:
    """Refused before it is read where its size is announced, and stopped at the limit where it is not."""
    size, sent = 200 * 1024 * 1024, 0

    async def handler(asked: Asked) -> None:
        nonlocal sent
        asked.begin(200, {"Content-Length": str(size)} if announced else {"Connection": "close"})
        while sent < size:
            asked.writer.write(b"x" * 65536)
            sent += 65536
            await asked.writer.drain()

    async with serving(handler) as server:
        with within(5), pytest.raises(ManifestTooLarge, match="more than 4096 KiB"):
            await inspected(server)
    assert sent < size / 4


async def test_a_configuration_that_says_that_it_is_huge() -> None:
    """Not even asked for."""
    store = Store()
    config = {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": f"sha256:{'0' * 64}", "size": 10**12}
    store.manifest("1", {"mediaType": OCI_MANIFEST, "config": config, "layers": []})
    async with serving(store.answer) as server:
        with pytest.raises(ManifestTooLarge, match="no more than"):
            await inspected(server)
        assert [asked.target for asked in server.asked] == ["/v2/ml/x/manifests/1"]


async def test_an_index_of_thousands() -> None:
    """Refused before any of its entries is asked for."""
    store = Store()
    store.index("1", *(str(number).encode() for number in range(2000)))
    async with serving(store.answer) as server:
        with pytest.raises(ManifestInvalid, match="2000 entries"):
            await inspected(server)
        assert len(server.asked) == 1


async def test_an_endless_redirect() -> None:
    """Followed five times, not for ever; a redirect to itself and one that grows."""
    async with serving(lambda asked: asked.answer(307, Location=asked.target + "x")) as server:
        with pytest.raises(RegistryError, match="leads in circles"):
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
    """Blobs that lie elsewhere are read, and the log-in does not go there."""
    async with serving(IMAGE.answer) as elsewhere:

        async def handler(asked: Asked) -> None:
            if "authorization" not in asked.headers:
                await asked.answer(401, WWW_Authenticate='Basic realm="x"')
            elif "/blobs/" in asked.target:
                await asked.answer(307, Location=f"http://user:pass@{elsewhere.host}{asked.target}")
            else:
                await IMAGE.answer(asked)

        async with serving(handler) as server:
            assert (await inspected(server, login=LOGIN)).platforms
            assert server.sent_credentials() == [LOGIN.basic] * 2
        assert len(elsewhere.asked) == 1
        assert elsewhere.sent_credentials() == []


async def test_a_challenge_behind_a_redirect_is_not_followed() -> None:
    """Another host that asks for the log-in does not get it."""
    async with serving(lambda asked: asked.answer(401, WWW_Authenticate='Basic realm="give"')) as elsewhere:
        async with serving(lambda asked: asked.answer(302, Location=f"http://{elsewhere.host}/")) as server:
            with pytest.raises(RegistryError):
                await inspected(server, login=LOGIN)
        assert elsewhere.sent_credentials() == []


def announcing(realm: str) -> Handler:
    """A registry that names a token service."""
    return lambda asked: asked.answer(401, WWW_Authenticate=f'Bearer realm="{realm}",service="s"')


async def test_a_token_realm_on_another_host_without_tls() -> None:
    """No log-in is sent there, and it is not even asked."""
    for realm in ("http://auth.example.org/token", "http://10.0.0.1/token", "gopher://x", "", "/token"):
        async with serving(announcing(realm)) as server:
            with pytest.raises(RegistryError):
                await inspected(server, login=LOGIN)
            assert server.sent_credentials() == []


async def test_a_registry_with_tls_cannot_lead_a_log_in_out_of_it(tmp_path: Path) -> None:
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
                    await inspected(server, login=LOGIN, ca=own.certificate)
        assert plain.asked == []


async def test_a_token_realm_in_the_network() -> None:
    """A token service over TLS at a private address is refused before anything is sent."""
    async with serving(announcing("https://169.254.169.254/token")) as server:
        with pytest.raises(RegistryNotAllowed, match="not a public address"):
            await inspected(server, login=LOGIN)


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
            await inspected(server, login=LOGIN)
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
            await inspected(server, login=LOGIN)
        assert len(server.asked) == 3


async def test_a_slow_drip() -> None:
    """A byte now and then keeps no connection open beyond the time for an answer."""

    async def handler(asked: Asked) -> None:
        asked.begin(200, {"Content-Length": "1000"})
        for _ in range(1000):
            asked.writer.write(b" ")
            await asked.writer.drain()
            await asyncio.sleep(0.02)

    async with serving(handler) as server:
        with within(2), pytest.raises(RegistryTimeout, match="took longer than"):
            await inspected(server, limits=Limits(answer_seconds=0.4))


async def test_an_image_that_drips_as_a_whole() -> None:
    """Many answers, each in time, do not add up to for ever."""

    async def handler(asked: Asked) -> None:
        await asyncio.sleep(0.15)
        await asked.answer(302, Location=asked.target)

    async with serving(handler) as server, RegistryClient(LOOPBACK, limits=HURRIED) as client:
        with within(2), pytest.raises(RegistryTimeout):
            await inspect(client, Reference.parse(f"{server.host}/ml/x:1"), seconds=0.4)


async def test_a_429_storm() -> None:
    """Asked no more often than patience allows, with longer and longer waits."""
    times: list[float] = []

    async def handler(asked: Asked) -> None:
        times.append(time.monotonic())
        await asked.answer(429)

    async with serving(handler) as server:
        with pytest.raises(RegistryError, match="429"):
            await inspected(server)
    assert len(times) == HURRIED.patience.attempts


async def test_a_429_that_says_when_to_come_back() -> None:
    """Retry-After is waited for, and the answer then counts; one that is too long is not waited for."""
    times: list[float] = []

    async def handler(asked: Asked) -> None:
        times.append(time.monotonic())
        if len(times) == 1:
            await asked.answer(429, Retry_After="1")
        else:
            await IMAGE.answer(asked)

    async with serving(handler) as server:
        assert (await inspected(server)).platforms
    assert times[1] - times[0] >= 1.0
    async with serving(lambda asked: asked.answer(503, Retry_After="3600")) as server:
        with within(2), pytest.raises(RegistryError, match="503"):
            await inspected(server)
        assert len(server.asked) == 1


async def test_an_error_that_passes() -> None:
    """A 502 in between is not seen."""
    failed = False

    async def handler(asked: Asked) -> None:
        nonlocal failed
        if failed:
            await IMAGE.answer(asked)
        else:
            failed = True
            await asked.answer(502, b"<html>")

    async with serving(handler) as server:
        assert (await inspected(server)).platforms


async def test_a_tag_that_moves_in_the_middle() -> None:
    """What is read is one image or the other, never a mixture: here the old one is gone, so the new one counts."""
    old, new = Store(), Store()
    for store, cuda in ((old, "11.8.0"), (new, "12.4.1")):
        store.index("1", *(store.image("", env={"CUDA_VERSION": cuda}, architecture=one) for one in ("amd64", "arm64")))
    asked_for_tag = 0

    async def handler(asked: Asked) -> None:
        nonlocal asked_for_tag
        asked_for_tag += asked.target.endswith("/manifests/1")
        if asked_for_tag == 1 and asked.target.endswith("/manifests/1"):
            await old.answer(asked)
        else:
            await new.answer(asked)  # the old one's manifests are deleted at once

    async with serving(handler) as server:
        found = await inspected(server)
    assert found.digest == digest_of(new.documents["/v2/ml/x/manifests/1"][1])
    assert {one.facts["cuda_version"].value for one in found.platforms} == {"12.4.1"}
    assert asked_for_tag == 2


async def test_an_index_whose_images_are_gone() -> None:
    """Not `image_not_found`: the tag is there, and what it names is not."""
    store = Store()
    store.index("1", b"never pushed")
    async with serving(store.answer) as server:
        with pytest.raises(ManifestInvalid, match="not all that it names"):
            await inspected(server)


async def test_head_without_a_digest() -> None:
    """Where HEAD does not tell, or is refused, the manifest is read and its digest computed."""
    for status in (200, 405):

        async def handler(asked: Asked, status: int = status) -> None:
            if asked.method == "HEAD":
                await asked.answer(status, Docker_Content_Digest="sha256:short")
            else:
                await IMAGE.answer(asked)

        async with serving(handler) as server, RegistryClient(LOOPBACK, limits=HURRIED) as client:
            digest = await client.digest(Reference.parse(f"{server.host}/ml/x:1"))
        assert digest == digest_of(IMAGE.documents["/v2/ml/x/manifests/1"][1])


async def test_no_more_connections_than_allowed() -> None:
    """However many questions there are at once."""
    now = most = 0

    async def handler(asked: Asked) -> None:
        nonlocal now, most
        now += 1
        most = max(most, now)
        await asyncio.sleep(0.01)
        now -= 1
        await IMAGE.answer(asked)

    async with serving(handler) as server, RegistryClient(LOOPBACK, limits=Limits(connections=3)) as client:
        reference = Reference.parse(f"{server.host}/ml/x:1")
        await asyncio.gather(*(inspect(client, reference) for _ in range(20)))
    assert most == 3


async def test_a_slow_registry_does_not_delay_another() -> None:
    """Connections are limited by host."""

    async def stall(asked: Asked) -> None:
        await asyncio.sleep(30)

    limits = Limits(connections=1, answer_seconds=1, patience=Patience(attempts=1))
    async with (
        serving(stall) as slow,
        serving(IMAGE.answer) as quick,
        RegistryClient(LOOPBACK, limits=limits) as client,
    ):
        waiting = [asyncio.create_task(inspect(client, Reference.parse(f"{slow.host}/ml/x:{n}"))) for n in range(3)]
        await asyncio.sleep(0.05)
        with within(0.8):
            await inspect(client, Reference.parse(f"{quick.host}/ml/x:1"))
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)


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
        assert (await inspected(server, login=LOGIN)).platforms
    for secret in (LOGIN.password, LOGIN.basic.split()[1], "token-of-the-registry", "of-the-redirect"):
        assert secret not in caplog.text
