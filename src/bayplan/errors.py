"""Every error that bayplan raises on purpose, so that one place turns each into an answer that a person can act on.

    class                           where it lives               HTTP  what it says
    BayplanError                    errors.py                     500  code, detail, problems
    |-- Invalid                     errors.py                     422  well-formed but wrong: names the field and what would be right
    |   `-- Malformed               errors.py                     400  not even well-formed (broken JSON)
    |       `-- Unreadable          cli/document/node.py            -  a file that is not YAML or not JSON, with the line
    |-- Unauthenticated             errors.py                     401  no, bad, expired or revoked credentials
    |-- Forbidden                   errors.py                     403  known, but not allowed
    |-- NotFound                    errors.py                     404  no such object
    |-- Conflict                    errors.py                     409  duplicate, still in use, deleted
    |-- PreconditionFailed          errors.py                     412  somebody else was faster
    |-- TooLarge                    errors.py                     413  more than will be read
    |-- TooManyAttempts             errors.py                     429  wait before the next log-in, or inspection
    |-- Overloaded                  errors.py                     503  more is asked than the server can do: ask again soon
    |-- Unreachable                 errors.py                       -  the server does not answer, or not as bayplan does
    |-- CannotStart                 errors.py                       -  the program cannot run as it is set up
    |-- DatabaseUnavailable         db/database.py                503  the database does not answer; nothing was changed
    |-- UnknownKey                  db/keyring.py                 503  a password is encrypted with a key that is not at hand
    |-- RegistryError               registry/errors.py            502  a registry answers with an error or with nonsense
    |   |-- RegistryFailing         registry/errors.py            502  it fails or wants fewer requests, whatever is asked
    |   |-- RegistryNotAllowed      registry/errors.py            422  its address is not allowed, or credentials would leave it
    |   |-- RegistryUnreachable     registry/errors.py            502  nobody answers there
    |   |   |-- NotTls              registry/errors.py            502  somebody does, but does not speak TLS
    |   |   `-- _Broken             registry/connection.py        502  the connection ended first: another try may help
    |   |-- RegistryDenied          registry/errors.py            422  it refuses the credentials, or wants some
    |   |   `-- CredentialsRefused  registry/errors.py            422  it was sent the credentials, and refuses them
    |   |       `-- TokenRefused    registry/errors.py            422  so does its token service
    |   |-- ImageNotFound           registry/errors.py            404  it does not have that image
    |   |-- ManifestInvalid         registry/errors.py            502  what it sends is no image that can be read
    |   |-- ManifestTooLarge        registry/errors.py            502  what it sends is larger than will be read
    |   |-- DigestMismatch          registry/errors.py            502  what it sends is not what the digest names
    |   `-- RegistryTimeout         registry/errors.py            504  it takes too long
    |-- ScanFailed                  scan/errors.py                502  the files of an image cannot be read: damaged, or too much
    |-- CannotProbe                 agent/probe_process.py          -  there may be a GPU, and nothing tells about it
    |-- NvmlFailed                  agent/nvml_calls.py             -  the driver's library is there and does not work
    |-- EngineFailed                agent/engine_errors.py          -  the container engine is not there, or fails
    |-- DiskBudgetExceeded          agent/disk_budget.py            -  an image does not fit the budget or the disk
    |-- NothingRunsHere             agent/no_match.py               -  no image matches this machine
    |-- DoesNotRunHere              agent/no_match.py               -  the image that was named does not run here
    `-- ScanEnded                   cli/images/_scan_progress.py    -  a scan has failed on the server

The HTTP status is given in one place, `bayplan.server.http.errors.STATUS`; `-` is what no request raises. The command line
ends with exit code 1 after any of them, with 70 after any other exception, and with 2 after a command that is typed wrongly:

    UsageError                      cli/options.py                  -  a `typer.BadParameter` in a sentence of its own

These are no errors; each ends something from inside, and its own module catches it:

    JoinedAgain                     agent/heartbeat.py              -  the machine has another credential
    Stopped                         agent/reconcile.py              -  the agent ends
    _Ended                          agent/prefetch.py               -  the same, for the thread that reconciles
    _NoScans                        agent/scanner.py                -  the server is older than scans
    _NoParts                        registry/blobs.py               -  the registry gives no parts of files: the blob is read whole
    _HelperFailed                   agent/docker_logins.py          -  a credential helper gives no log-in
    Silence                         db/postgresql_connection.py     -  PostgreSQL owes an answer: becomes DatabaseUnavailable
    _RolledBack                     server/catalogue_file/apply.py  -  a dry run, whose changes are not to stay
    _Done                           db/sqlite.py                    -  a write that was only to show that it is possible
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

    @property
    def public_detail(self) -> str:
        """The sentence for whoever asked over HTTP: `detail`, unless that is for those alone who run the server."""
        return self.detail


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
    """Too many log-in attempts, or more than a budget; `retry_after_seconds` says when the next is heard."""

    code = "too_many_attempts"

    def __init__(self, detail: str, *, retry_after_seconds: int, code: str | None = None) -> None:
        super().__init__(detail, code=code)
        self.retry_after_seconds = retry_after_seconds


class Overloaded(BayplanError):
    """More is asked than the server can do; nothing was changed. `retry_after_seconds` says when to ask again."""

    code = "overloaded"

    def __init__(self, detail: str, *, retry_after_seconds: int) -> None:
        super().__init__(detail)
        self.retry_after_seconds = retry_after_seconds


class Unreachable(BayplanError):
    """Nobody answers at the server's address, or somebody who is not bayplan."""

    code = "unreachable"


class CannotStart(BayplanError):
    """The program cannot run as it is set up."""

    code = "cannot_start"


def fault_sentence(error: BaseException) -> str:
    """The sentence for an exception that nobody expected: its type and its place, without its text, which may have a secret."""
    from traceback import extract_tb  # here: it takes a hundredth of the time that a command may take to start

    frames = [frame for frame in extract_tb(error.__traceback__, limit=-50) if "bayplan" in frame.filename]
    place = f" in {frames[-1].filename.rpartition('bayplan/')[2]}, line {frames[-1].lineno}" if frames else ""
    return f"This is a fault of bayplan ({type(error).__name__}{place}); please report it."
