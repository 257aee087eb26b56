"""Every error that bayplan raises on purpose, so that one place turns each into an answer a person can act on.

    BayplanError                     code, detail, problems
    |-- Invalid                      well-formed but wrong: names the field and what would be right
    |   `-- Malformed                not even well-formed (broken JSON)
    |-- Unauthenticated              no, bad, expired or revoked credentials
    |-- Forbidden                    known, but not allowed
    |-- NotFound                     no such object
    |-- Conflict                     duplicate, still in use, deleted
    |-- PreconditionFailed           somebody else was faster
    |-- TooLarge                     more than will be read
    |-- TooManyAttempts              wait before trying to log in again
    |-- Unreachable                  the server does not answer, or not as bayplan does
    `-- CannotStart                  the program cannot run here: one line, exit code 1

No HTTP here: `bayplan.server.http.errors` gives each its status.
"""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong with an input: where (`tasks.0`, `expressions.2.field`), a stable word for it, and a sentence."""

    field: str
    code: str
    detail: str


class BayplanError(Exception):
    """An error with a stable `code`, a `detail` sentence that says what to do, and the `problems` it consists of."""

    code = "error"

    def __init__(self, detail: str, *, code: str | None = None, problems: Sequence[Problem] = ()) -> None:
        super().__init__(detail)
        self.detail = detail
        self.code = code or type(self).code
        self.problems = tuple(problems)


class Invalid(BayplanError):
    """Well-formed input that says something wrong."""

    code = "invalid"

    @classmethod
    def at(cls, field: str, code: str, detail: str) -> "Invalid":
        """The error for a single problem: its code and sentence stand for the whole."""
        return cls(detail, code=code, problems=[Problem(field, code, detail)])


class Malformed(Invalid):
    """Input that cannot be read at all."""

    code = "malformed"


class Unauthenticated(BayplanError):
    """No credentials, or ones that are wrong, expired or revoked."""

    code = "unauthenticated"


class Forbidden(BayplanError):
    """Known, but not allowed to do this."""

    code = "forbidden"


class NotFound(BayplanError):
    """No object has that key."""

    code = "not_found"


class Conflict(BayplanError):
    """The catalogue as it stands does not permit this."""

    code = "conflict"


class PreconditionFailed(BayplanError):
    """The object changed since the caller last saw it."""

    code = "precondition_failed"


class TooLarge(BayplanError):
    """More input than will be read."""

    code = "too_large"


class TooManyAttempts(BayplanError):
    """Too many log-in attempts; `retry_after_seconds` says when the next is heard."""

    code = "too_many_attempts"

    def __init__(self, detail: str, *, retry_after_seconds: int) -> None:
        super().__init__(detail)
        self.retry_after_seconds = retry_after_seconds


class Unreachable(BayplanError):
    """Nobody answers at the server's address, or somebody who is not bayplan."""

    code = "unreachable"


class CannotStart(BayplanError):
    """The program cannot run as it is set up."""

    code = "cannot_start"
