"""One look at an image of the catalogue in its registry: with its own log-in, and with what changed where its tag has moved."""

import logging
from dataclasses import asdict, replace
from typing import Any

import orjson

from bayplan.api.registries import Registries
from bayplan.api.runtime import now
from bayplan.db import inspections
from bayplan.db.checks import Seen
from bayplan.db.claims import Claim
from bayplan.db.engine import Database
from bayplan.db.keyring import Keyring
from bayplan.domain.reference import Reference, located
from bayplan.domain.standing import Look
from bayplan.errors import BayplanError

_log = logging.getLogger("bayplan")


async def look_at(claim: Claim, registries: Registries, keyring: Keyring, db: Database) -> Seen:
    """Gives what was seen; whatever goes wrong is something seen too."""
    at = now()
    try:
        reference = located(claim.url, claim.registry)
        password = None if claim.password is None else keyring.decrypt(claim.password)
        outcome = await registries.look(reference, claim.username, password)
        look = Look(at, outcome.digest, outcome.code, outcome.detail, outcome.of_registry)
        if not _is_new(claim, look, reference):
            return Seen(claim, look)
        at_it = replace(reference, tag=None, digest=look.digest)
        return Seen(claim, look, await _changes(claim, at_it, password, registries, db))
    except BayplanError as error:
        return Seen(claim, Look(at, None, error.code, error.detail))
    except Exception:
        _log.exception("The look at the docker image with pk %d failed", claim.image)
        said = "Something went wrong inside bayplan while it looked; its log says what."
        return Seen(claim, Look(at, None, "internal", said))


def _is_new(claim: Claim, look: Look, reference: Reference) -> bool:
    """Whether an image was found that the catalogue has not heard of."""
    stands_by = claim.digest or reference.digest
    return look.digest is not None and stands_by is not None and look.digest not in (stands_by, claim.found)


async def _changes(
    claim: Claim, reference: Reference, password: str | None, registries: Registries, db: Database
) -> list[dict[str, Any]] | None:
    """What the new image says otherwise than the stored inspection; None where that cannot be told."""
    from bayplan.registry.changes import changes

    stored = await inspections.platforms(db, claim.image, claim.digest)
    if stored is None:
        return None
    try:
        found = await registries.inspect(reference, claim.username, password)
    except BayplanError:
        return None
    return changes(stored, orjson.loads(orjson.dumps([asdict(one) for one in found.platforms])))
