"""The stylesheet, the script and the icon: read once, and kept by browsers, since a file's hash is in its path."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response

from bayplan.server.http import errors
from bayplan.server.http.endpoint import Endpoint

PATH = "/static/{file}"
FOLDER = Path(__file__).parent / "static"
_MEDIA_TYPES = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
_HASH_LETTERS = 12
_KEPT = {"Cache-Control": "public, max-age=31536000, immutable"}


@dataclass(frozen=True, slots=True)
class StaticFile:
    """A file, and its name with its hash."""

    name: str
    content: bytes
    media_type: str


@cache
def _files() -> Mapping[str, StaticFile]:
    """The files by their names without a hash."""
    files = {}
    for path in sorted(FOLDER.iterdir()):
        if path.suffix in _MEDIA_TYPES:
            content = path.read_bytes()
            digest = hashlib.sha256(content).hexdigest()[:_HASH_LETTERS]
            name = f"{path.stem}-{digest}{path.suffix}"
            files[path.name] = StaticFile(name, content, _MEDIA_TYPES[path.suffix])
    return files


@cache
def _by_hashed_name() -> Mapping[str, StaticFile]:
    return {file.name: file for file in _files().values()}


def static_path(name: str) -> str:
    """Gives the path of a file: of `style.css` `/static/style-0f3b5c.css`."""
    return PATH.replace("{file}", _files()[name].name)


def endpoint() -> Endpoint:
    """Gives the endpoint that answers with the files."""

    async def answer(request: Request) -> Response:
        file = _by_hashed_name().get(request.path_params["file"])
        if file is None:
            return errors.nothing_at(request.url.path)
        return Response(file.content, headers=_KEPT, media_type=file.media_type)

    return answer
