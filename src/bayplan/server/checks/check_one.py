"""One look at an image of the catalogue in its registry: with its own log-in, and with what changed where its tag has moved."""

import logging
from dataclasses import asdict, replace
from typing import Any

import orjson

from bayplan.clock import now
from bayplan.db.database import Database
from bayplan.db.keyring import Keyring
from bayplan.domain.check_state import CheckResult
from bayplan.domain.reference import Reference, located
from bayplan.errors import BayplanError
from bayplan.server.checks.queue import CheckClaim
from bayplan.server.checks.store import CompletedCheck
from bayplan.server.inspections import store as inspection_store
from bayplan.server.registries import Registries

_log = logging.getLogger("bayplan")


async def check_one(claim: CheckClaim, registries: Registries, keyring: Keyring, db: Database) -> CompletedCheck:
    """Gives what was seen; whatever goes wrong is something seen too."""
    at = now()
    try:
        reference = located(claim.url, claim.registry)
        password = None if claim.password is None else keyring.decrypt(claim.password)
        outcome = await registries.look(reference, claim.username, password)
        look = CheckResult(at, outcome.digest, outcome.code, outcome.detail, outcome.of_registry)
        if not _is_new(claim, look, reference):
            return CompletedCheck(claim, look)
        at_it = replace(reference, tag=None, digest=look.digest)
        return CompletedCheck(claim, look, await _changes(claim, at_it, password, registries, db))
    except BayplanError as error:
        return CompletedCheck(claim, CheckResult(at, None, error.code, error.detail))
    except Exception:
        _log.exception("The look at the docker image with pk %d failed", claim.image)
        said = "Something went wrong inside bayplan while it looked; its log says what."
        return CompletedCheck(claim, CheckResult(at, None, "internal", said))


def _is_new(claim: CheckClaim, look: CheckResult, reference: Reference) -> bool:
    """Whether an image was found that the catalogue has not heard of."""
    stands_by = claim.digest or reference.digest
    return look.digest is not None and stands_by is not None and look.digest not in (stands_by, claim.found)


async def _changes(
    claim: CheckClaim, reference: Reference, password: str | None, registries: Registries, db: Database
) -> list[dict[str, Any]] | None:
    """What the new image says otherwise than the stored inspection; None where that cannot be told."""
    from bayplan.registry.diff import changes

    stored = await inspection_store.platforms(db, claim.image, claim.digest)
    if stored is None:
        return None
    try:
        found = await registries.inspect(reference, claim.username, password)
    except BayplanError:
        return None
    return changes(stored, orjson.loads(orjson.dumps([asdict(one) for one in found.platforms])))
