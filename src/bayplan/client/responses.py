"""Responses of the server: the JSON of an answer, or the error of a refusal."""

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from bayplan.errors import (
    BayplanError,
    Conflict,
    Forbidden,
    Invalid,
    Malformed,
    NotFound,
    PreconditionFailed,
    Problem,
    TooLarge,
    TooManyAttempts,
    Unauthenticated,
    Unreachable,
)

if TYPE_CHECKING:
    import httpx2

_LISTS = ("/list", "/v1/history", "/v1/audit", "/v1/credentials")
"""How the paths of lists end."""
_SECONDS = re.compile(r"[0-9]{1,9}", re.ASCII)
REFUSALS: dict[int, type[BayplanError]] = {
    400: Malformed,
    401: Unauthenticated,
    403: Forbidden,
    404: NotFound,
    405: Invalid,
    409: Conflict,
    412: PreconditionFailed,
    413: TooLarge,
    422: Invalid,
}


def content_of(server: str, response: "httpx2.Response") -> Any:
    """Gives the JSON of an answer, None where there is none (204).

    Raises the error that a refusal stands for, and `Unreachable` where the response is not bayplan's.
    """
    if response.status_code == 204:
        return None
    content: Any = None
    if "json" in response.headers.get("Content-Type", ""):
        try:
            content = response.json()
        except (ValueError, RecursionError):
            content = None
    if response.is_success and content is not None and _has_shape(response.request.url.path, content):
        return content
    if isinstance(content, dict) and isinstance(content.get("detail"), str) and "code" in content:
        raise refusal(response.status_code, content, response.headers.get("Retry-After"))
    location = response.headers.get("Location")
    redirect = f" and sends on to {location}" if location else ""
    status = f"status {response.status_code}{redirect}"
    raise Unreachable(f"{server} does not answer as bayplan does ({status}); check the address.")


def _has_shape(path: str, content: Any) -> bool:
    """Whether an answer may be bayplan's: that of a list is a list of objects."""
    return not path.endswith(_LISTS) or (isinstance(content, list) and all(isinstance(each, dict) for each in content))


def refusal(status: int, problem: Mapping[str, Any], retry_after: str | None = None) -> BayplanError:
    """Gives the error that an answer of type application/problem+json stands for."""
    detail, code = str(problem["detail"]), str(problem["code"])
    if status == 429:
        seconds = int(retry_after) if retry_after is not None and _SECONDS.fullmatch(retry_after) else 60
        return TooManyAttempts(detail, retry_after_seconds=seconds)
    problems = [
        Problem(str(part.get("field", "")), str(part.get("code", "")), str(part.get("detail", "")))
        for part in _objects(problem.get("errors"))
    ]
    return REFUSALS.get(status, Unreachable)(detail, code=code, problems=problems)


def _objects(parts: Any) -> list[dict[str, Any]]:
    """The objects in a list; what is none is passed over."""
    return [part for part in parts if isinstance(part, dict)] if isinstance(parts, list) else []
