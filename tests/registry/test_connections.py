"""Connections are used again, after HEAD too, which has no body and is read to its end all the same."""

import pytest

from bayplan.domain.reference import Reference
from bayplan.registry.client import RegistryClient
from tests.registry.asking import IMAGE
from tests.registry.conftest import LOOPBACK, QUICK
from tests.registry.misbehaving import Asked, Server, serving
from tests.registry.running import digest_of

pytestmark = pytest.mark.anyio
TAG = "/v2/ml/x/manifests/1"
MANIFEST = IMAGE.documents[TAG][1]


async def honest(asked: Asked) -> None:
    """Answers as a registry does, which tells the digest."""
    await asked.answer(200, MANIFEST, Content_Type=IMAGE.documents[TAG][0], Docker_Content_Digest=digest_of(MANIFEST))


def connections(server: Server) -> int:
    """How many connections the server was asked over."""
    return len({asked.writer.get_extra_info("peername") for asked in server.asked if asked.target == TAG})


async def test_questions_one_after_another_take_one_connection() -> None:
    """By HEAD and by GET: a new one for each costs a TLS handshake each."""
    async with serving(honest) as server, RegistryClient(LOOPBACK, limits=QUICK) as client:
        reference = Reference.parse(f"{server.host}/ml/x:1")
        for _ in range(5):
            assert await client.digest(reference) == digest_of(MANIFEST)
            assert (await client.manifest(reference)).digest == digest_of(MANIFEST)
        assert [asked.method for asked in server.asked].count("HEAD") == 5
        assert connections(server) == 1


@pytest.mark.parametrize("status", [200, 404])
async def test_a_body_after_the_answer_to_head_is_in_nobodys_way(status: int) -> None:
    """Some proxies send the document all the same; the next question is asked over another connection then."""

    async def handler(asked: Asked) -> None:
        if asked.method == "GET":
            await honest(asked)
        else:
            await asked.answer(status, MANIFEST, Docker_Content_Digest=digest_of(MANIFEST))
            asked.writer.write(MANIFEST)

    async with serving(handler) as server, RegistryClient(LOOPBACK, limits=QUICK) as client:
        reference = Reference.parse(f"{server.host}/ml/x:1")
        for _ in range(3):
            assert await client.digest(reference) == digest_of(MANIFEST)
            assert (await client.manifest(reference)).digest == digest_of(MANIFEST)
