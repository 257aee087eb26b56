"""The check of an image in its registry, with the image's own credentials: by HEAD, and by GET where HEAD gives no digest.

A moved tag is inspected for the differences.
"""

import logging
from dataclasses import asdict, replace
from typing import Any

import orjson

from bayplan.clock import Clock, timestamp
from bayplan.db.database import Database
from bayplan.db.keyring import Keyring
from bayplan.domain.check_state import CheckResult
from bayplan.domain.reference import Reference, check_agreement, located
from bayplan.errors import BayplanError
from bayplan.server.checks.queue import CheckClaim
from bayplan.server.checks.store import CompletedCheck, inspected_platforms
from bayplan.server.registries import Registries

_log = logging.getLogger("bayplan")


async def check_one(
    claim: CheckClaim, registries: Registries, keyring: Keyring, db: Database, clock: Clock
) -> CompletedCheck:
    """Checks a claimed image; any error is a result too."""
    at = timestamp(clock())
    try:
        check_agreement(claim.url, claim.registry)
        reference = located(claim.url, claim.registry)
        password = None if claim.password is None else keyring.decrypt(claim.password)
        resolution = await registries.resolve(reference, claim.username, password)
        result = CheckResult(
            at,
            resolution.digest,
            resolution.code,
            resolution.detail,
            resolution.of_registry,
            resolution.refused_credentials,
        )
        if not _is_new_digest(claim, result, reference):
            return CompletedCheck(claim, result)
        by_digest = replace(reference, tag=None, digest=result.digest)
        return CompletedCheck(claim, result, await _changes(claim, by_digest, password, registries, db))
    except BayplanError as error:
        if error.detail != error.public_detail:
            _log.warning("The check of the docker image with pk %d: %s", claim.image, error.detail)
        return CompletedCheck(claim, CheckResult(at, None, error.code, error.public_detail))
    except Exception:
        _log.exception("The check of the docker image with pk %d failed", claim.image)
        detail = "The check failed by a fault of bayplan. The server's log has the details."
        return CompletedCheck(claim, CheckResult(at, None, "internal", detail))


def _is_new_digest(claim: CheckClaim, result: CheckResult, reference: Reference) -> bool:
    """Whether the tag points to a digest that the catalogue does not have yet."""
    accepted = claim.digest or reference.digest
    return result.digest is not None and accepted is not None and result.digest not in (accepted, claim.found)


async def _changes(
    claim: CheckClaim, reference: Reference, password: str | None, registries: Registries, db: Database
) -> list[dict[str, Any]] | None:
    """Gives the differences of the new image from the stored inspection; None where there is none, or the image cannot be read."""
    from bayplan.registry.diff import changes

    stored = await inspected_platforms(db, claim.image, claim.digest)
    if stored is None:
        return None
    try:
        inspection = await registries.inspect(reference, claim.username, password)
    except BayplanError:
        return None
    return changes(stored, orjson.loads(orjson.dumps([asdict(platform) for platform in inspection.platforms])))
