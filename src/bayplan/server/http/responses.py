"""From objects to responses: JSON, entity tags and 304, and the links of a page."""

import asyncio
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import urlencode

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from bayplan.domain.entity_tags import ANY_TAG, tags_in

_DIGEST_BYTES = 12
# What asks and writes nothing, with the question in its body.
_READ_BY_POST = ("/list", "/matrix")
UNCACHED = {"Cache-Control": "no-store"}


class PageOf(Protocol):
    """The parameters of a page."""

    @property
    def limit(self) -> int | None:
        """The most objects, None for any number."""

    @property
    def offset(self) -> int:
        """How many are left out."""


class Json(Response):
    """A JSON answer."""

    media_type = "application/json"

    def render(self, content: Any) -> bytes:
        """Gives the content as JSON; ready bytes as they are."""
        return content if isinstance(content, bytes) else orjson.dumps(content)


@dataclass(frozen=True, slots=True)
class Parts:
    """JSON in parts."""

    parts: Sequence[bytes]

    def fingerprint(self) -> str:
        """Gives the fingerprint of the whole."""
        digest = hashlib.blake2b(digest_size=_DIGEST_BYTES)
        for part in self.parts:
            digest.update(part)
        return digest.hexdigest()


class JsonParts(Json):
    """A JSON answer in parts, which are sent one after the other: joining 100 MB would hold the event loop."""

    def __init__(self, content: Parts, headers: Mapping[str, str]) -> None:
        super().__init__(b"", headers={**headers, "Content-Length": str(sum(map(len, content.parts)))})
        self._parts = content.parts

    async def __call__(self, _scope: Scope, _receive: Receive, send: Send) -> None:
        """Sends the answer."""
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        for part in self._parts:
            await send({"type": "http.response.body", "body": part, "more_body": True})
        await send({"type": "http.response.body", "body": b""})


def json_answer(content: bytes | Parts) -> Response:
    """Gives the answer without a tag."""
    return JsonParts(content, {}) if isinstance(content, Parts) else Json(content)


def tagged(
    request: Request, content: Any, tag: str, status: int = 200, headers: Mapping[str, str] | None = None
) -> Response:
    """Gives the answer with its ETag, or 304 where the request has it already."""
    if status == 200 and is_known(request, tag):
        return unchanged(tag, headers)
    headers = {**_cached_under(tag), **(headers or {})}
    return JsonParts(content, headers) if isinstance(content, Parts) else Json(content, status, headers=headers)


async def fingerprinted_parts(request: Request, content: bytes | Parts) -> Response:
    """Gives the answer with the tag of its content, or 304; an answer in parts is hashed in a thread."""
    if isinstance(content, Parts):
        return tagged(request, content, await asyncio.to_thread(content.fingerprint))
    return fingerprinted(request, content)


def fingerprinted(request: Request, content: Any, headers: Mapping[str, str] | None = None) -> Response:
    """Gives the answer with the tag of its content, or 304 where the request has it already."""
    ready = content if isinstance(content, bytes) else orjson.dumps(content)
    return tagged(request, ready, fingerprint(ready), headers=headers)


def header_list(request: Request, name: str) -> str | None:
    """Gives the value of a header whose value is a list, which may be sent in several lines; None where there is none."""
    lines = request.headers.getlist(name)
    return ", ".join(lines) if lines else None


def is_known(request: Request, tag: str) -> bool:
    """Whether the request reads, and its `If-None-Match` has this tag."""
    header = header_list(request, "if-none-match")
    if header is None or not (request.method in ("GET", "HEAD") or request.scope["path"].endswith(_READ_BY_POST)):
        return False
    return not tags_in(header).isdisjoint((ANY_TAG, tag))


def unchanged(tag: str, headers: Mapping[str, str] | None = None) -> Response:
    """Gives 304, with the rules for caches that an answer with these headers has (RFC 9110, 15.4.5)."""
    own = {name: value for name, value in (headers or {}).items() if name in UNCACHED}
    return Response(status_code=304, headers={**_cached_under(tag), **own})


def fingerprint(*parts: bytes) -> str:
    """Gives a short hash of an answer, or of all that it depends on."""
    return hashlib.blake2b(b"\0".join(parts), digest_size=_DIGEST_BYTES).hexdigest()


def _cached_under(tag: str) -> dict[str, str]:
    return {"ETag": f'"{tag}"', "Vary": "Authorization", "Cache-Control": "private, no-cache"}


def page_headers(request: Request, total: int, query: PageOf, following: str | None) -> dict[str, str]:
    """Gives `X-Total-Count` and the RFC 8288 links to other pages: by offset where one is sent, otherwise by cursor.

    `following` is the cursor of the next page, None where there is none.
    """
    headers = {"X-Total-Count": str(total)}
    limit, offset = query.limit, query.offset
    if limit is None:
        return headers
    sent = {name: text for name, text in request.query_params.items() if name not in ("limit", "offset", "after")}
    last = max(0, (total - 1) // limit * limit)
    places: dict[str, dict[str, object]] = {"first": {"offset": 0}}
    if "offset" in request.query_params:
        if offset > 0:
            places["prev"] = {"offset": max(0, offset - limit)}
        if offset + limit < total:
            places["next"] = {"offset": offset + limit}
    else:
        places["first"] = {}
        if following is not None:
            places["next"] = {"after": following}
    places["last"] = {"offset": last}
    path = request.url.path
    links = (f'<{path}?{urlencode({**sent, "limit": limit, **place})}>; rel="{rel}"' for rel, place in places.items())
    headers["Link"] = ", ".join(links)
    return headers
