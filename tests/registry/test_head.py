"""HEAD may announce a digest; everything else follows from GET, and a refusal from what the registry itself says."""

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest

from bayplan.domain.reference import Reference
from bayplan.registry.client import RegistryClient
from bayplan.registry.connection import ConnectionLimits
from bayplan.registry.errors import (
    CredentialsRefused,
    DigestMismatch,
    ImageNotFound,
    RegistryDenied,
    RegistryError,
    RegistryFailing,
)
from bayplan.registry.resolve import Resolution, resolve_digest
from tests.registry.asking import IMAGE, LOGIN
from tests.registry.conftest import LOOPBACK, QUICK
from tests.registry.misbehaving import Asked, Handler, Server, serving
from tests.registry.running import digest_of

pytestmark = pytest.mark.anyio

DIGEST = digest_of(IMAGE.documents["/v2/ml/x/manifests/1"][1])
OTHER = f"sha256:{'0' * 64}"
BASIC = {"WWW_Authenticate": 'Basic realm="x"'}


async def digest(server: Server, name: str = ":1", limits: ConnectionLimits = QUICK, **more: Any) -> str:
    """The digest of the server's `ml/x`, as a check finds it."""
    async with RegistryClient(LOOPBACK, limits=limits) as client:
        return await client.digest(Reference.parse(f"{server.host}/ml/x{name}"), **more)


def heads(status: int, headers: Mapping[str, str] | None = None) -> Handler:
    """An honest registry that answers HEAD in another way."""

    async def handler(asked: Asked) -> None:
        if asked.method == "HEAD":
            await asked.answer(status, b"", **(headers or {}))
        else:
            await IMAGE.answer(asked)

    return handler


@pytest.mark.parametrize(
    ("status", "headers"),
    [
        *((status, {}) for status in (204, 302, 400, 401, 403, 404, 405, 410, 415, 429, 451, 500, 501, 502, 503, 504)),
        (200, {}),
        (200, {"Docker_Content_Digest": "sha256:short"}),
        (200, {"Docker_Content_Digest": f"{OTHER}, {OTHER}"}),
        (206, {"Docker_Content_Digest": OTHER}),
        (404, {"Docker_Content_Digest": OTHER}),
        (429, {"Retry_After": "3600"}),
        (302, {"Location": "https://10.0.0.1/login"}),
        (302, {"Location": "/v2/ml/x/manifests/1"}),
        (302, {"Location": "/login"}),
        (401, BASIC),
        (401, {"WWW_Authenticate": "Negotiate"}),
        (401, {"WWW_Authenticate": 'Bearer realm="https://10.0.0.1/token"'}),
        (401, {"WWW_Authenticate": 'Bearer realm="http://127.0.0.1:9/token"'}),
    ],
)
@pytest.mark.parametrize("name", [":1", f"@{DIGEST}"])
async def test_what_head_does_not_give_get_does(status: int, headers: dict[str, str], name: str) -> None:
    async with serving(heads(status, headers)) as server:
        assert await digest(server, name) == DIGEST
        if status == 200:
            assert [asked.method for asked in server.asked] == ["HEAD", "GET"]


async def test_a_plain_head_suffices() -> None:
    """A GET of a manifest counts as a pull where pulls are limited; type and length of a HEAD do not matter."""
    odd = {"Docker_Content_Digest": DIGEST, "Content_Type": "text/html", "Content_Length": "7"}
    for headers in ({"Docker_Content_Digest": DIGEST}, odd):
        async with serving(heads(200, headers)) as server:
            assert await digest(server) == DIGEST
            assert [asked.method for asked in server.asked] == ["HEAD"]


@pytest.mark.parametrize("behaviour", ["resets", "hangs", "stops", "nonsense"])
async def test_a_head_without_an_answer(behaviour: str) -> None:
    async def handler(asked: Asked) -> None:
        if asked.method == "GET":
            await IMAGE.answer(asked)
        elif behaviour == "hangs":
            await asyncio.sleep(30)
        elif behaviour == "nonsense":
            asked.writer.write(b"SMTP ready\r\n\r\n")
            asked.writer.close()
        else:
            if behaviour == "stops":
                asked.writer.write(b"HTTP/1.1 200 OK\r\nContent-")
            asked.writer.close()

    limits = ConnectionLimits(answer_seconds=0.4, retry=QUICK.retry)
    async with serving(handler) as server:
        assert await digest(server, limits=limits) == DIGEST


async def test_a_head_of_another_image_is_not_believed() -> None:
    async with serving(heads(200, {"Docker_Content_Digest": OTHER})) as server:
        assert await digest(server, f"@{DIGEST}") == DIGEST
        with pytest.raises(ImageNotFound):
            await digest(server, f"@sha256:{'1' * 64}")


@pytest.mark.parametrize(
    ("status", "kind"), [(404, ImageNotFound), (403, RegistryDenied), (401, RegistryDenied), (500, RegistryFailing)]
)
async def test_an_error_of_get_counts(status: int, kind: type[RegistryError]) -> None:
    """Whatever HEAD says; `/v2/` tells that a registry answers there."""
    for head in (status, 200):

        async def handler(asked: Asked, head: int = head) -> None:
            if asked.target == "/v2/":
                await asked.answer(200)
            else:
                await asked.answer(head if asked.method == "HEAD" else status)

        async with serving(handler) as server:
            with pytest.raises(kind):
                await digest(server)


@pytest.mark.parametrize("status", [404, 500, 502])
async def test_a_404_of_something_before_the_registry_makes_no_image_missing(status: int) -> None:
    """A gateway without its backend answers 404 to everything."""
    async with serving(lambda asked: asked.answer(status if asked.target == "/v2/" else 404, b"no route")) as server:
        with pytest.raises(RegistryError) as caught:
            await digest(server)
        assert caught.value.code == "registry_error"
    unknown = b'{"errors": [{"code": "MANIFEST_UNKNOWN"}]}'
    async with serving(lambda asked: asked.answer(status if asked.target == "/v2/" else 404, unknown)) as server:
        with pytest.raises(ImageNotFound):
            await digest(server)


async def test_a_404_of_something_before_the_registry_is_none_of_accepted_credentials() -> None:
    is_there = True

    async def handler(asked: Asked) -> None:
        if not is_there:
            await asked.answer(404, b"no route")
        elif asked.headers.get("authorization") == LOGIN.basic and asked.target != "/v2/ml/x/manifests/2":
            await IMAGE.answer(asked)
        else:
            await asked.answer(404 if asked.target.endswith("/2") else 401, b"", **BASIC)

    async with serving(handler) as server, RegistryClient(LOOPBACK, limits=QUICK) as client:
        reference = Reference.parse(f"{server.host}/ml/x:1")
        assert await client.digest(reference, LOGIN) == DIGEST
        with pytest.raises(ImageNotFound):
            await client.digest(Reference.parse(f"{server.host}/ml/x:2"), LOGIN)
        is_there = False
        with pytest.raises(RegistryError) as caught:
            await client.digest(reference, LOGIN)
        assert caught.value.code == "registry_error"


async def test_a_404_where_a_redirect_leads_is_none_of_the_registrys() -> None:
    body = b"gone"
    async with (
        serving(lambda asked: asked.answer(404, body)) as elsewhere,
        serving(lambda asked: asked.answer(307, Location=f"http://{elsewhere.host}/m")) as server,
    ):
        with pytest.raises(RegistryError) as caught:
            await digest(server)
        assert caught.value.code == "registry_error"
        body = b'{"errors": []}'
        with pytest.raises(ImageNotFound):
            await digest(server)


@pytest.mark.parametrize("status", [403, 404])
async def test_images_that_are_shown_to_those_alone_who_log_in(status: int) -> None:
    """The challenge is at `/v2/`, where Docker asks first."""

    async def handler(asked: Asked) -> None:
        if asked.headers.get("authorization") == LOGIN.basic:
            await IMAGE.answer(asked)
        elif asked.target == "/v2/":
            await asked.answer(401, b"", **BASIC)
        else:
            await asked.answer(status, b'{"errors": []}')

    async with serving(handler) as server:
        assert await digest(server, credentials=LOGIN) == DIGEST
        async with RegistryClient(LOOPBACK, limits=QUICK) as client:
            assert await client.accepts(Reference.parse(f"{server.host}/ml/x:1"), LOGIN)


async def resolved(server: Server) -> Resolution:
    """The result of a check with credentials."""
    async with RegistryClient(LOOPBACK, limits=QUICK) as client:
        return await resolve_digest(client, Reference.parse(f"{server.host}/ml/x:1"), LOGIN)


async def test_a_refusal_before_any_credentials_were_sent_does_not_blame_them() -> None:
    async with serving(lambda asked: asked.answer(200 if asked.target == "/v2/" else 403)) as server:
        result = await resolved(server)
        assert server.sent_credentials() == []
    assert (result.code, result.refused_credentials) == ("registry_denied", False)
    assert "before any credentials were sent" in str(result.detail)
    assert "Check the password" not in str(result.detail)

    async def refusing(asked: Asked) -> None:
        await asked.answer(403 if "authorization" in asked.headers else 401, b"", **BASIC)

    async with serving(refusing) as server:
        result = await resolved(server)
    assert (result.code, result.refused_credentials) == ("registry_denied", True)
    assert "whose credentials were sent. Check the password" in str(result.detail)


async def test_accepted_credentials_are_not_refused_by_head() -> None:
    for head in (401, 403, 404, 500):

        async def handler(asked: Asked, head: int = head) -> None:
            if asked.method == "HEAD":
                await asked.answer(head)
            elif asked.headers.get("authorization") == LOGIN.basic:
                await IMAGE.answer(asked)
            else:
                await asked.answer(401, b"", **BASIC)

        async with serving(handler) as server, RegistryClient(LOOPBACK, limits=QUICK) as client:
            assert await client.accepts(Reference.parse(f"{server.host}/ml/x:1"), LOGIN)
            with pytest.raises(CredentialsRefused):
                await client.accepts(Reference.parse(f"{server.host}/ml/x:1"), type(LOGIN)("casey", "wrong"))


async def test_refused_credentials_go_to_a_token_service_once() -> None:
    """Too many failures lock accounts there."""

    async def handler(asked: Asked) -> None:
        realm = f'Bearer realm="http://{asked.headers["host"]}/token",service="x"'
        await asked.answer(401, b"", **({} if asked.target.startswith("/token") else {"WWW_Authenticate": realm}))

    async with serving(handler) as server:
        result = await resolved(server)
        assert server.sent_credentials() == [LOGIN.basic]
    assert (result.code, result.refused_credentials) == ("registry_denied", True)


@pytest.mark.parametrize("document", ['{"Token": "t"}', '{"token": null, "ACCESS_TOKEN": "t", "expires_in": null}'])
async def test_a_token_is_read_as_go_reads_it(document: str) -> None:
    async def handler(asked: Asked) -> None:
        if asked.target.startswith("/token"):
            await asked.answer(200, document.encode())
        elif asked.headers.get("authorization") == "Bearer t":
            await IMAGE.answer(asked)
        else:
            await asked.answer(401, b"", WWW_Authenticate=f'Bearer realm="http://{asked.headers["host"]}/token"')

    async with serving(handler) as server:
        assert await digest(server, credentials=LOGIN) == DIGEST


async def test_other_bytes_than_announced_are_refused() -> None:
    """Where HEAD gives nothing, the digest of GET is of its bytes."""

    async def handler(asked: Asked) -> None:
        if asked.method == "HEAD":
            await asked.answer(404)
        else:
            await asked.answer(200, b"{}", Docker_Content_Digest=DIGEST)

    async with serving(handler) as server:
        with pytest.raises(DigestMismatch):
            await digest(server)


async def test_a_manifest_of_another_kind_is_not_missing() -> None:
    """Registries answer 404 where `Accept` does not name its kind; it is there, and is no image that can be read."""

    async def handler(asked: Asked) -> None:
        if "*/*" in asked.headers["accept"]:
            await asked.answer(200, b'{"schemaVersion": 1, "fsLayers": []}')
        else:
            await asked.answer(404, b'{"errors": [{"code": "MANIFEST_UNKNOWN"}]}')

    async with serving(handler) as server:
        assert (await resolved(server)).code == "manifest_invalid"
