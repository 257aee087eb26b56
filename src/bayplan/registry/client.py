"""The client of OCI registries: reads digests, manifests and configurations, and verifies them.

Redirects are followed by hand: each target's address is checked like the registry's own, no credentials go to another
host, and none leads out of TLS. Source: github.com/opencontainers/distribution-spec.
"""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import quote, urljoin

from bayplan.domain.reference import Reference
from bayplan.errors import Invalid
from bayplan.registry.address import AddressPolicy, Endpoint
from bayplan.registry.auth import RegistryCredentials
from bayplan.registry.connection import ConnectionLimits, Connections, RegistryRequest, RegistryResponse, Take
from bayplan.registry.content import (
    ACCEPT,
    CONFIGS,
    LEGACY_CONFIGS,
    Config,
    Descriptor,
    Index,
    Manifest,
    is_digest,
    parse_config,
    parse_manifest,
    sha256,
    verify,
)
from bayplan.registry.errors import (
    ImageNotFound,
    ManifestInvalid,
    ManifestTooLarge,
    NotTls,
    RegistryError,
    RegistryFailing,
    RegistryNotAllowed,
    TokenRefused,
)
from bayplan.registry.remembered import Remembered
from bayplan.registry.tokens import Purpose, TokenCache, denied

MANIFEST_BYTES = 4 * 1024 * 1024
"""The limit for registries themselves (distribution-spec, "Pushing Manifests")."""
CONFIG_BYTES = 8 * 1024 * 1024
REDIRECTS = 5
_MANIFESTS = {"Accept": ACCEPT}
Headers = Mapping[str, str]
_BASE_BYTES = 64 * 1024
_REDIRECTS = frozenset({301, 302, 303, 307, 308})


@dataclass(frozen=True, slots=True)
class RegistryDocument:
    """A manifest or an index as it was read, under the digest that its bytes have."""

    digest: str
    media_type: str
    content: Index | Manifest


class RegistryClient:
    """The client of all registries, within `access` and `limits`; one for the whole process, used as `async with`.

    Raises the errors of `bayplan.registry.errors`; `Invalid` (bad_reference) for a digest of a kind that cannot be
    verified.
    """

    def __init__(
        self,
        access: AddressPolicy,
        *,
        limits: ConnectionLimits | None = None,
        ca: Path | None = None,
        proxy: str | None = None,
    ) -> None:
        """`ca` is a file of certificates that are trusted besides the system's; raises CannotStart where it is not such a file.

        `proxy` leads to the registries outside of the own network: `http://user:password@host:port`.
        """
        self._access = access
        self._connections = Connections(access, limits or ConnectionLimits(), ca, proxy)
        self._tokens = TokenCache(self._connections, access)
        self._plain: set[str] = set()
        self.without_referrers: Remembered[bool] = Remembered(3600.0, 1000)
        """The registries that have no referrers API."""
        self.reading = asyncio.Semaphore(1)
        """Held while an attached document is read: the memory for them has a bound, whatever is asked."""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._connections.close()

    async def digest(self, reference: Reference, credentials: RegistryCredentials | None = None) -> str:
        """Gives the digest that a reference points to now, by HEAD; where that gives none, by reading the manifest.

        Engines pull what a registry, or a proxy before it, answers to HEAD with 401, 403, 404 or 500. So an error of HEAD
        is no result: that of GET is. HEAD goes first, since a GET of a manifest counts as a pull where pulls are limited.
        """
        digest, _ = await self._digest_by_head(reference, credentials)
        return digest or (await self.manifest(reference, credentials)).digest

    async def accepts(self, reference: Reference, credentials: RegistryCredentials) -> bool:
        """Whether the registry requires credentials for the reference's repository, and accepts these.

        False where it requires none, and so would accept any. Whether the image is there does not matter. The credentials are
        sent anew, whatever token is in the cache; raises RegistryDenied where they are refused.
        """
        if not is_digest(reference.digest or ""):
            reference = replace(reference, digest=None)
        digest, is_authenticated = await self._digest_by_head(reference, credentials, anew=True)
        if digest is not None:
            return is_authenticated
        target = f"manifests/{_name(reference)}"
        answer, is_authenticated = await self._send("GET", reference, credentials, target, _MANIFESTS, MANIFEST_BYTES)
        if answer.status not in (200, 404):
            raise _failed(reference, answer)
        return is_authenticated

    async def _digest_by_head(
        self, reference: Reference, credentials: RegistryCredentials | None, *, anew: bool = False
    ) -> tuple[str | None, bool]:
        """Gives the digest that HEAD announces, or None; and whether the request needed credentials.

        Raises TokenRefused: GET would send the same credentials to the token service, where too many failures lock accounts.
        """
        target = f"manifests/{_name(reference)}"
        try:
            answer, is_authenticated = await self._send(
                "HEAD", reference, credentials, target, _MANIFESTS, 0, anew=anew
            )
        except TokenRefused:
            raise
        except RegistryError:
            return None, False
        announced = _announced_digest(answer)
        is_plain = answer.status == 200 and reference.digest in (None, announced)
        return announced if is_plain else None, is_authenticated

    async def manifest(
        self, reference: Reference, credentials: RegistryCredentials | None = None, *, optional: bool = False
    ) -> RegistryDocument:
        """Gives the manifest or index that a reference names, by its digest where it has one, else by its tag.

        `optional`: most registries have none there, so any 404 is an answer.
        """
        name = _name(reference)
        what = f"The manifest of '{reference.repository}' ({name[:19]})"
        target = f"manifests/{name}"
        answer = await self.get(reference, credentials, target, ACCEPT, MANIFEST_BYTES, optional=optional)
        digest = reference.digest or _announced_digest(answer) or sha256(answer.body)
        verify(answer.body, digest, what)
        media_type, content = parse_manifest(answer.body, answer.headers.get("Content-Type", ""), what)
        return RegistryDocument(digest, media_type, content)

    async def config(
        self, reference: Reference, descriptor: Descriptor, credentials: RegistryCredentials | None = None
    ) -> Config:
        """Gives the configuration that a manifest of the reference's repository names."""
        what = f"The configuration of '{reference.repository}'"
        if descriptor.media_type not in CONFIGS | LEGACY_CONFIGS:
            kind = descriptor.media_type[:100]
            raise ManifestInvalid(f"'{reference.repository}' is not an image: its configuration is {kind!r}.")
        if descriptor.size > CONFIG_BYTES:
            raise ManifestTooLarge(f"{what} has {descriptor.size} bytes; no more than {CONFIG_BYTES} are read.")
        answer = await self.get(reference, credentials, f"blobs/{descriptor.digest}", "*/*", CONFIG_BYTES)
        verify(answer.body, descriptor.digest, what)
        return parse_config(answer.body, what)

    async def get(
        self,
        reference: Reference,
        credentials: RegistryCredentials | None,
        target: str,
        accept: str,
        limit: int,
        *,
        optional: bool = False,
        part: str | None = None,
        take: Take | None = None,
    ) -> RegistryResponse:
        """Gives the response with status 200 at a target of the reference's repository; raises ImageNotFound after a 404.

        With `part`, as in "bytes=0-99", it may be that part alone, with status 206. `take` takes the body, which is not kept then.
        """
        asked = {"Accept": accept} | ({} if part is None else {"Range": part})
        answer, _ = await self._send("GET", reference, credentials, target, asked, limit, optional=optional, take=take)
        if answer.status == 200 or (answer.status == 206 and part is not None):
            return answer
        if answer.status == 404:
            raise _image_not_found(reference)
        raise _failed(reference, answer)

    async def _send(
        self,
        method: str,
        reference: Reference,
        credentials: RegistryCredentials | None,
        target: str,
        headers: Headers,
        limit: int,
        *,
        anew: bool = False,
        optional: bool = False,
        take: Take | None = None,
    ) -> tuple[RegistryResponse, bool]:
        """Gives the response about the reference's repository, and whether the request needed credentials.

        Raises RegistryDenied where the credentials are refused. `anew`: without a token from the cache.
        """
        secure = reference.registry not in self._plain
        secure = secure and not self._access.is_insecure(Endpoint.of_registry(reference.registry, "http"))
        endpoint = Endpoint.of_registry(reference.registry, "https" if secure else "http")
        path = f"/v2/{quote(reference.repository)}/{target}"
        request = RegistryRequest(method, endpoint, path, headers, limit, take)
        try:
            purpose = Purpose(endpoint, reference.repository, credentials)
            return await self._send_with_credentials(purpose, request, anew, optional)
        except NotTls:
            if not endpoint.names_loopback:
                raise
            self._plain.add(reference.registry)
        request = replace(request, endpoint=Endpoint.of_registry(reference.registry, "http"))
        purpose = Purpose(request.endpoint, reference.repository, credentials)
        return await self._send_with_credentials(purpose, request, anew, optional)

    async def _send_with_credentials(
        self, purpose: Purpose, request: RegistryRequest, anew: bool, optional: bool
    ) -> tuple[RegistryResponse, bool]:
        if anew:
            self._tokens.forget(purpose)
        authorization, is_new, is_get = self._tokens.get(purpose), False, request.method == "GET"
        while True:
            answer, last = await self._follow(request, authorization)
            if last != purpose.registry and answer.status == 404 and is_get and not _is_of_registry(answer):
                raise RegistryError(
                    f"'{purpose.registry.authority}' redirects to '{last.authority}', which has nothing there (404) and "
                    "is not a registry. Ask its operators."
                )
            if last != purpose.registry or answer.status not in (401, 403, 404) or (optional and answer.status == 404):
                return answer, authorization is not None
            challenge = answer
            if is_get and _is_open_question(answer, purpose, is_authorized=authorization is not None):
                challenge = await self._base(purpose, answer)
            is_challenged = challenge.status == 401 and (challenge is answer or authorization is None)
            if is_challenged and not is_new:
                authorization, is_new = await self._tokens.renew(purpose, challenge, authorization), True
            elif answer.status == 404:
                return answer, authorization is not None
            else:
                self._tokens.forget(purpose)
                raise denied(purpose, credentials_were_sent=authorization is not None)

    async def _base(self, purpose: Purpose, answer: RegistryResponse) -> RegistryResponse:
        """Gives the registry's answer at `/v2/`, which has its challenge; after a 404 raises RegistryError where that is none."""
        request = RegistryRequest("GET", purpose.registry, "/v2/", {"Accept": "*/*"}, _BASE_BYTES)
        base, _ = await self._follow(request, None)
        if answer.status == 404 and base.status not in (200, 401, 403):
            raise RegistryError(
                f"'{purpose.registry.authority}' answers with status 404 for '{purpose.repository}', and with status "
                f"{base.status} for the registry itself: it is not a registry, or the registry is down. Ask its operators."
            )
        return base

    async def _follow(self, request: RegistryRequest, authorization: str | None) -> tuple[RegistryResponse, Endpoint]:
        """Gives the response at the end of all redirects, and the host that sent it."""
        registry, endpoint, target = request.endpoint, request.endpoint, request.target
        for _ in range(REDIRECTS + 1):
            own = {"Authorization": authorization} if authorization is not None and endpoint == registry else {}
            sent = replace(request, endpoint=endpoint, target=target, headers={**request.headers, **own})
            answer = await self._connections.send(sent)
            location = answer.headers.get("Location")
            if answer.status not in _REDIRECTS or location is None:
                return answer, endpoint
            before = endpoint
            endpoint, target = Endpoint.of_url(_absolute(endpoint, target, location))
            if not endpoint.is_secure and endpoint != before and (before.is_secure or not self._may_be_plain(endpoint)):
                raise RegistryNotAllowed(
                    f"'{registry.authority}' redirects to '{endpoint.authority}', which has no TLS. Ask its operators for "
                    "an address with TLS."
                )
        raise RegistryError(f"'{registry.authority}' redirects more than {REDIRECTS} times. Ask its operators.")

    def _may_be_plain(self, endpoint: Endpoint) -> bool:
        return endpoint.names_loopback or self._access.is_insecure(endpoint)


def _absolute(endpoint: Endpoint, target: str, location: str) -> str:
    try:
        return urljoin(f"{endpoint.scheme}://{endpoint.authority}{target}", location)
    except ValueError:
        raise RegistryError(f"'{endpoint.authority}' redirects to an invalid address. Ask its operators.") from None


def _is_open_question(answer: RegistryResponse, purpose: Purpose, *, is_authorized: bool) -> bool:
    """Whether a refusal may have another reason than the image.

    Some registries hide images (404), or refuse them (403), where no credentials were sent, and challenge at `/v2/` alone,
    where Docker asks first. A 404 that is no registry's may come from something before it: a gateway without its backend.
    """
    if answer.status == 404 and not _is_of_registry(answer):
        return True
    is_hidden = answer.status == 403 or (answer.status == 404 and purpose.credentials is not None)
    return is_hidden and not is_authorized


def _is_of_registry(answer: RegistryResponse) -> bool:
    """Whether an error is in the form that registries give (distribution-spec, "Error Codes")."""
    try:
        document = json.loads(answer.body)
    except (ValueError, RecursionError):
        document = None
    has_errors = isinstance(document, dict) and isinstance(document.get("errors"), list)
    return has_errors or "Docker-Distribution-Api-Version" in answer.headers


def _announced_digest(answer: RegistryResponse) -> str | None:
    announced: str = answer.headers.get("Docker-Content-Digest", "")
    return announced if is_digest(announced) else None


def _name(reference: Reference) -> str:
    if reference.digest is not None and not is_digest(reference.digest):
        raise Invalid.at("url", "bad_reference", "An image's digest must be a sha256 or a sha512 in lower case.")
    return reference.digest or reference.tag or "latest"


def _failed(reference: Reference, answer: RegistryResponse) -> RegistryError:
    kind = RegistryFailing if answer.status >= 500 else RegistryError
    return kind(
        f"'{reference.registry}' answers with status {answer.status} for '{reference.repository}'. Ask its operators, or "
        "try again later."
    )


def _image_not_found(reference: Reference) -> ImageNotFound:
    name = f"@{reference.digest}" if reference.digest else f":{reference.tag or 'latest'}"
    return ImageNotFound(
        f"'{reference.registry}' has no '{reference.repository}{name}', or does not show it to this user. Check the name "
        "and the tag, and whether the image was pushed."
    )
