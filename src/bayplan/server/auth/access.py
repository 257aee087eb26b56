"""Access rules as data: each route names one of these, and a single function checks it."""

from dataclasses import dataclass, replace
from enum import Enum, auto

from bayplan.db.principal import Principal
from bayplan.errors import Forbidden
from bayplan.schemas.tokens import Scope

WORKERS_MAY = (
    "A worker may only: list and load images, with their checks, facts, inspections and docker configuration; inspect "
    "images; read and report scans; load, update and ping its own nodes, and match for them; load its desired images; "
    "report its hardware and its image inventory; and revoke itself."
)
_STAFF_ONLY = "Only staff may do this: ask staff, or log in as staff."


class WorkerAccess(Enum):
    """The objects on which a worker may act."""

    ALL = auto()
    OWN_NODE = auto()  # the node in the path has to be its own


@dataclass(frozen=True, slots=True)
class Access:
    """The principals that may use a route: users, staff among them, and workers. All others are refused.

    `scope`: what a user's token for a program must be good for; no such token may use a route without.
    """

    users: bool = False
    staff: bool = False
    workers: WorkerAccess | None = None
    scope: Scope | None = None
    is_public: bool = False
    """Without authentication."""
    takes_other_tokens: bool = False
    """The handler authenticates: tokens other than access tokens are valid too."""
    refuses_after_body: bool = False
    """Whether an invalid body is answered before the refusal: for routes that only programs use."""
    refusal: str = _STAFF_ONLY
    """The sentence for other users."""

    def check(self, principal: Principal) -> None:
        """Raises `Forbidden` where the principal may not."""
        if principal.worker is not None:
            if self.workers is None:
                raise Forbidden(WORKERS_MAY)
        elif not (self.staff if principal.is_staff else self.users):
            raise Forbidden(self.refusal)

    def saying(self, refusal: str) -> "Access":
        """Gives the rule with another sentence for users who are refused."""
        return replace(self, refusal=refusal)

    def within(self, scope: Scope) -> "Access":
        """Gives the rule for tokens that are good for `scope` as well."""
        return replace(self, scope=scope)


PUBLIC = Access(is_public=True)
JOINING = Access(workers=WorkerAccess.ALL, takes_other_tokens=True)
STAFF = Access(staff=True)
CATALOGUE_STAFF = Access(staff=True, scope="apply")
FLEET_STAFF = Access(staff=True, scope="workers")
ANY_USER = Access(users=True, staff=True)
USERS = Access(users=True, staff=True, scope="read")
EVERYONE = Access(users=True, staff=True, workers=WorkerAccess.ALL, scope="read")
STAFF_AND_WORKERS = Access(staff=True, workers=WorkerAccess.ALL)
WORKERS = Access(workers=WorkerAccess.ALL, refuses_after_body=True)
USERS_AND_OWN_WORKERS = Access(users=True, staff=True, workers=WorkerAccess.OWN_NODE, scope="read")
STAFF_AND_OWN_WORKERS = Access(staff=True, workers=WorkerAccess.OWN_NODE)
