"""How an image stands with its registry, from one look to the next: pure, so that it can be read and tested without one.

The catalogue stands by one digest: that of the stored inspection, else the one that the image's url names, else the one
that the first look found. Looks compare with it; only staff, by an inspection, make it another one.
"""

from dataclasses import dataclass

STATES = ("ok", "moved", "missing", "denied", "unreachable")
"""In words: as the catalogue has it; its tag points elsewhere; not there; the log-in is refused; the registry did not tell."""

_STATE_OF_CODE = {"image_not_found": "missing", "registry_denied": "denied"}
# What does not answer is asked again soon, then after as long again as it has not answered, up to the interval.
SOONEST_SECONDS = 60.0
JITTER = 0.1


@dataclass(frozen=True, slots=True)
class CheckResult:
    """What one look found: a digest, or the code and the sentence of what stood in its way. `at` is when it began.

    `of_registry`: what stood in its way is the registry's, and no matter of the image.
    """

    at: str
    digest: str | None
    code: str | None = None
    detail: str | None = None
    of_registry: bool = False


@dataclass(frozen=True, slots=True)
class CheckState:
    """How an image stands: `digest` is what the catalogue stands by, `found` the other one that was found."""

    digest: str | None = None
    state: str | None = None
    since: str | None = None
    found: str | None = None
    code: str | None = None
    detail: str | None = None

    def differs_from(self, before: "CheckState") -> bool:
        """Whether anybody who knew how it stood has to be told."""
        return (self.state, self.digest, self.found) != (before.state, before.digest, before.found)


def is_conclusive(look: CheckResult) -> bool:
    """Whether the registry told how the image stands, whatever that is."""
    return look.digest is not None or look.code in _STATE_OF_CODE


def state_after(before: CheckState, look: CheckResult) -> CheckState:
    """Gives how the image stands after a look."""
    digest, found, code, detail = before.digest or look.digest, None, look.code, look.detail
    if look.digest is None:
        state = _STATE_OF_CODE.get(code or "", "unreachable")
    elif look.digest == digest:
        state = "ok"
    else:
        state, found = "moved", look.digest
        detail = (
            f"The tag points to {look.digest} now, and the catalogue stands by {digest}: "
            "inspect the image to accept what is there, or push the old one again."
        )
    return CheckState(digest, state, before.since if state == before.state else look.at, found, code, detail)


def state_when_accepted(before: CheckState, digest: str, at: str) -> CheckState:
    """Gives how the image stands when staff have stored an inspection: the catalogue stands by that."""
    return CheckState(digest, "ok", before.since if before.state == "ok" else at)


def wait_seconds(state: str | None, has_been_seconds: float, interval_seconds: float, chance: float) -> float:
    """How long until the next look, for an image that has been in that state so long; `chance` is within 0 and 1."""
    wait = interval_seconds
    if state == "unreachable":
        wait = min(interval_seconds, max(SOONEST_SECONDS, has_been_seconds))
    return wait * (1 + JITTER * (2 * chance - 1))
