"""The client against a real registry, in every way of logging in."""

import json
import socket
from dataclasses import replace
from pathlib import Path

import pytest

from bayplan.domain.reference import Reference
from bayplan.errors import CannotStart, Invalid
from bayplan.registry.address import AddressPolicy
from bayplan.registry.auth import RegistryCredentials
from bayplan.registry.client import RegistryClient
from bayplan.registry.errors import (
    ImageNotFound,
    ManifestInvalid,
    NotTls,
    RegistryDenied,
    RegistryNotAllowed,
    RegistryUnreachable,
)
from bayplan.registry.inspect import inspect
from tests.registry.conftest import LOOPBACK, QUICK, client_for
from tests.registry.running import (
    DOCKER_LIST,
    DOCKER_MANIFEST,
    LAYER,
    OCI_INDEX,
    OCI_MANIFEST,
    Registry,
    configuration,
    running_registry,
)

pytestmark = pytest.mark.anyio

ENV = {"CUDA_VERSION": "12.4.1", "NVIDIA_REQUIRE_CUDA": "cuda>=12.4"}


def reference(registry: Registry, rest: str) -> Reference:
    """The reference of something in that registry."""
    return Reference.parse(f"{registry.host}/{rest}")


async def test_an_index_is_read_with_all_its_platforms(registry: Registry) -> None:
    """Digest, media type and platforms of an index; its attestation is no platform; no layer is downloaded."""
    amd = registry.image("ml/torch", "", configuration(ENV))
    arm = registry.image("ml/torch", "", configuration(ENV, architecture="arm64", variant="v8"))
    arm["platform"] = {**arm["platform"], "variant": "v8"}
    about = registry.image("ml/torch", "", configuration(architecture="unknown", os="unknown"))
    pushed = registry.index("ml/torch", "1.0", [amd, arm, about])
    before = len(registry.requests)
    async with client_for(registry) as client:
        inspection = await inspect(client, reference(registry, "ml/torch:1.0"), registry.login)
        assert await client.digest(reference(registry, "ml/torch:1.0"), registry.login) == pushed["digest"]
    assert (inspection.digest, inspection.media_type) == (pushed["digest"], OCI_INDEX)
    assert [
        (platform.os, platform.architecture, platform.variant, platform.digest) for platform in inspection.platforms
    ] == [
        ("linux", "amd64", None, amd["digest"]),
        ("linux", "arm64", "v8", arm["digest"]),
    ]
    config = len(json.dumps(configuration(ENV)).encode())
    assert inspection.platforms[0].size_bytes == len(LAYER) + config
    assert inspection.platforms[0].created == "2026-10-01T00:00:00Z"
    assert inspection.platforms[0].facts["cuda_version"].value == "12.4.1"
    blobs = [line for line in registry.requests[before:] if "/blobs/" in line]
    assert len(blobs) == 2


@pytest.mark.parametrize("media_type", [OCI_MANIFEST, DOCKER_MANIFEST])
async def test_a_single_manifest_is_read(registry: Registry, media_type: str) -> None:
    """Of either family, by tag and by digest."""
    pushed = registry.image("ml/single", "2", configuration(ENV, architecture="arm64"), media_type)
    async with client_for(registry) as client:
        for name in ("ml/single:2", f"ml/single@{pushed['digest']}", f"ml/single:other@{pushed['digest']}"):
            inspection = await inspect(client, reference(registry, name), registry.login)
            assert (inspection.digest, inspection.media_type) == (pushed["digest"], media_type)
            assert [platform.architecture for platform in inspection.platforms] == ["arm64"]
            assert await client.digest(reference(registry, name), registry.login) == pushed["digest"]


async def test_a_docker_list_is_read(open_registry: Registry) -> None:
    """Docker's own kind of index."""
    entry = open_registry.image("ml/list", "", configuration(ENV), DOCKER_MANIFEST)
    pushed = open_registry.index("ml/list", "1", [entry], DOCKER_LIST)
    async with client_for(open_registry) as client:
        inspection = await inspect(client, reference(open_registry, "ml/list:1"))
    assert (inspection.digest, inspection.media_type, len(inspection.platforms)) == (pushed["digest"], DOCKER_LIST, 1)


async def test_what_is_not_there_is_not_found(registry: Registry) -> None:
    """An unknown tag and an unknown repository; by HEAD as well."""
    registry.image("ml/there", "1", configuration())
    async with client_for(registry) as client:
        for name in ("ml/there:2", "ml/nowhere:1", f"ml/there@sha256:{'0' * 64}"):
            with pytest.raises(ImageNotFound, match="Check the name and the tag"):
                await inspect(client, reference(registry, name), registry.login)
            with pytest.raises(ImageNotFound):
                await client.digest(reference(registry, name), registry.login)


@pytest.mark.parametrize("registry", ["basic", "bearer"], indirect=True)
@pytest.mark.parametrize(
    "wrong", [None, RegistryCredentials("casey", "wrong secret"), RegistryCredentials("nobody", "at all")]
)
async def test_credentials_that_are_refused(registry: Registry, wrong: RegistryCredentials | None) -> None:
    """Without credentials, and with wrong ones, the error says what to do and has no password."""
    registry.image("ml/secret", "1", configuration())
    async with client_for(registry) as client:
        with pytest.raises(RegistryDenied) as caught:
            await inspect(client, reference(registry, "ml/secret:1"), wrong)
        assert ("Check the password" if wrong else "dd registry_username") in caught.value.detail
        assert wrong is None or wrong.password not in caught.value.detail + repr(caught.value) + repr(wrong)
        await inspect(client, reference(registry, "ml/secret:1"), registry.login)  # and the right one still works


async def test_a_token_is_asked_for_once_and_for_pulling_alone(tmp_path: Path) -> None:
    """One token serves all questions about a repository."""
    with running_registry("bearer", tmp_path) as registry:
        entries = [registry.image("ml/many", "", configuration(ENV, architecture=f"a{n}")) for n in range(8)]
        registry.index("ml/many", "1", entries)
        assert registry.tokens is not None
        registry.tokens.asked.clear()
        async with client_for(registry) as client:
            assert len((await inspect(client, reference(registry, "ml/many:1"), registry.login)).platforms) == 8
            await client.digest(reference(registry, "ml/many:1"), registry.login)
        assert [query["scope"] for query in registry.tokens.asked] == [["repository:ml/many:pull"]]


@pytest.mark.parametrize("registry", ["tls"], indirect=True)
async def test_a_certificate_that_nobody_vouches_for(registry: Registry) -> None:
    """A self-signed registry is refused unless its certificate is given; no way around it by plain HTTP."""
    registry.image("ml/tls", "1", configuration())
    async with RegistryClient(LOOPBACK, limits=QUICK) as client:
        with pytest.raises(RegistryUnreachable, match="BAYPLAN_REGISTRY_CA"):
            await inspect(client, reference(registry, "ml/tls:1"))
    async with client_for(registry) as client:
        by_name = replace(reference(registry, "ml/tls:1"), registry=f"localhost:{registry.port}")
        assert len((await inspect(client, by_name)).platforms) == 1


async def test_private_addresses_are_refused_unless_allowed(open_registry: Registry) -> None:
    """This machine is one; the sentence names the setting. Allowed by address, by name, by network."""
    open_registry.image("ml/private", "1", configuration())
    asked = len(open_registry.requests)
    named = replace(reference(open_registry, "ml/private:1"), registry=f"localhost:{open_registry.port}")
    for access in (AddressPolicy(), AddressPolicy.of(["10.0.0.0/8", "registry.example.org"])):
        async with RegistryClient(access, limits=QUICK) as client:
            for image in (reference(open_registry, "ml/private:1"), named):
                with pytest.raises(RegistryNotAllowed, match="BAYPLAN_REGISTRY_ALLOW_PRIVATE"):
                    await inspect(client, image)
    assert len(open_registry.requests) == asked
    port = open_registry.port
    for allowed in ([f"localhost:{port}"], [f"127.0.0.1:{port}", f"[::1]:{port}"], ["127.0.0.0/8", "::/64"]):
        async with RegistryClient(AddressPolicy.of(allowed), limits=QUICK) as client:
            assert (await inspect(client, named)).platforms


async def test_plain_http_elsewhere_has_to_be_marked(open_registry: Registry) -> None:
    """A name that is not loopback's own is asked in plain HTTP only where the settings say so."""
    open_registry.image("ml/plain", "1", configuration())
    other = replace(reference(open_registry, "ml/plain:1"), registry=f"{_own_name()}:{open_registry.port}")
    at_port = f"{_own_name()}:{open_registry.port}"
    async with RegistryClient(AddressPolicy.of([at_port]), limits=QUICK) as client:
        with pytest.raises(NotTls, match="BAYPLAN_REGISTRY_INSECURE"):
            await inspect(client, other)
    access = AddressPolicy.of([at_port], [at_port])
    async with RegistryClient(access, limits=QUICK) as client:
        assert (await inspect(client, other)).platforms


def _own_name() -> str:
    """A name of loopback that does not say so: names under localhost resolve to it, or the machine has none such."""
    for name in ("ip6-localhost", socket.gethostname(), "registry.localhost"):
        try:
            addresses = {entry[4][0] for entry in socket.getaddrinfo(name, 80)}
        except OSError:
            continue
        if "127.0.0.1" in addresses:
            return name
    pytest.skip("this machine has no other name for 127.0.0.1")


async def test_nobody_there() -> None:
    """A port without a listener, and a name that does not exist."""
    access = AddressPolicy.of(["127.0.0.1:9"])
    async with RegistryClient(access, limits=QUICK) as client:
        with pytest.raises(RegistryUnreachable, match=r"Nothing answers at '127.0.0.1:9'"):
            await inspect(client, Reference.parse("127.0.0.1:9/a/b:1"))
        with pytest.raises(RegistryUnreachable, match=r"cannot be found"):
            await inspect(client, Reference.parse("registry.invalid/a/b:1"))


async def test_an_artifact_that_is_no_image_is_refused(open_registry: Registry) -> None:
    """An artifact of another kind, which registries keep too."""
    described = open_registry.blob("ml/chart", b"{}")
    document = {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "config": {"mediaType": "application/vnd.cncf.helm.config.v1+json", **described},
        "layers": [],
    }
    open_registry.manifest("ml/chart", "1", document)
    async with client_for(open_registry) as client:
        with pytest.raises(ManifestInvalid, match="is not an image"):
            await inspect(client, reference(open_registry, "ml/chart:1"))


async def test_a_digest_that_cannot_be_verified_is_refused(open_registry: Registry) -> None:
    """Before anything is asked."""
    odd = replace(reference(open_registry, "ml/x:1"), digest=f"md5:{'0' * 32}")
    async with client_for(open_registry) as client:
        with pytest.raises(Invalid) as caught:
            await client.manifest(odd)
    assert caught.value.code == "bad_reference"


@pytest.mark.parametrize("host", ["registry.example.org:65536", "[::1]:70000", f"registry.example.org:{'9' * 5000}"])
def test_a_port_beyond_range_is_no_reference(host: str) -> None:
    """It is the reference that is wrong, and no registry."""
    with pytest.raises(Invalid) as caught:
        Reference.parse(f"{host}/ml/x:1")
    assert caught.value.code == "bad_reference"
    assert len(caught.value.detail) < 200


def test_a_file_of_certificates_that_is_none(tmp_path: Path) -> None:
    """The client does not start, and names the setting and the file."""
    (tmp_path / "ca.pem").write_text("nothing of the kind")
    for name, why in (("ca.pem", "no certificate"), ("missing.pem", "No such file")):
        with pytest.raises(CannotStart, match=f"BAYPLAN_REGISTRY_CA must .*{name}.*{why}"):
            RegistryClient(LOOPBACK, ca=tmp_path / name)
