"""The state of an image in its registry, from one check to the next. Pure: needs no registry.

The catalogue stands by one digest: that of the stored inspection, else the one that the image's url names, else the one
that the first check found. Checks compare with it; only an inspection by staff changes it.
"""

from dataclasses import dataclass

from bayplan.domain.backoff import Backoff, spread

STATES = ("ok", "moved", "missing", "denied", "unreachable")
"""The tag points to the catalogue's digest; to another one; not in the registry; credentials refused; no answer of the registry."""

_STATE_OF_CODE = {"image_not_found": "missing", "registry_denied": "denied"}
FIRST_RETRY_SECONDS = 60.0
JITTER = 0.1


@dataclass(frozen=True, slots=True)
class CheckResult:
    """The result of a check, begun at the time `at`: a digest, or the code and the sentence of the error.

    `of_registry`: the error concerns the registry, and so its other images too. `refused_credentials`: the registry got the
    image's credentials, and refused them.
    """

    at: str
    digest: str | None
    code: str | None = None
    detail: str | None = None
    of_registry: bool = False
    refused_credentials: bool = False


@dataclass(frozen=True, slots=True)
class CheckState:
    """The state of an image: the catalogue stands by `digest`; a moved tag points to `found`."""

    digest: str | None = None
    state: str | None = None
    since: str | None = None
    found: str | None = None
    code: str | None = None
    detail: str | None = None

    def differs_from(self, before: "CheckState") -> bool:
        """Whether the change moves the catalogue's version: state and digests do, code and sentence do not."""
        return (self.state, self.digest, self.found) != (before.state, before.digest, before.found)


def is_conclusive(result: CheckResult) -> bool:
    """Whether the registry gave an answer about the image, of whatever kind."""
    return result.digest is not None or result.code in _STATE_OF_CODE


def state_after(before: CheckState, result: CheckResult) -> CheckState:
    """Gives the state of the image after a check."""
    digest, found, code, detail = before.digest or result.digest, None, result.code, result.detail
    if result.digest is None:
        state = _STATE_OF_CODE.get(code or "", "unreachable")
    elif result.digest == digest:
        state = "ok"
    else:
        state, found = "moved", result.digest
        detail = (
            f"The tag points to {result.digest} now; the catalogue expects {digest}. Inspect the image to accept the new "
            "digest, or push the old image again."
        )
    return CheckState(digest, state, before.since if state == before.state else result.at, found, code, detail)


def state_when_accepted(before: CheckState, digest: str, at: str) -> CheckState:
    """Gives the state of the image after staff stored an inspection: the catalogue stands by its digest."""
    return CheckState(digest, "ok", before.since if before.state == "ok" else at)


def wait_seconds(state: str | None, elapsed_seconds: float, interval_seconds: float, chance: float) -> float:
    """Gives the wait until the next check of an image that has been in that state for `elapsed_seconds`; `chance` is within 0 and 1.

    An image whose registry does not answer is checked again after a minute, then at doubling times, up to the interval.
    """
    wait = interval_seconds
    if state == "unreachable":
        wait = Backoff(FIRST_RETRY_SECONDS, interval_seconds).wait_seconds_since(elapsed_seconds)
    return spread(wait, JITTER, chance)
