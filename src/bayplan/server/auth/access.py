"""Access rules as data: each route names one of these, and a single function checks it."""

from dataclasses import dataclass, replace
from enum import Enum, auto

from bayplan.db.principal import Principal
from bayplan.errors import Forbidden

WORKERS_MAY = (
    "A worker may read images with what is known of them, ask registries, report scans, match for, ping, load and update its "
    "own nodes, ask what it is to hold and say what it holds; nothing else."
)
_STAFF_ONLY = "Only staff may do this: ask one of them, or log in as one."


class WorkerAccess(Enum):
    """The objects on which a worker may act."""

    ALL = auto()
    OWN_NODE = auto()  # the node in the path has to be its own


@dataclass(frozen=True, slots=True)
class Access:
    """The principals that may use a route: users, staff among them, and workers. All others are refused."""

    users: bool = False
    staff: bool = False
    workers: WorkerAccess | None = None
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


PUBLIC = Access(is_public=True)
JOINING = Access(workers=WorkerAccess.ALL, takes_other_tokens=True)
STAFF = Access(staff=True)
USERS = Access(users=True, staff=True)
EVERYONE = Access(users=True, staff=True, workers=WorkerAccess.ALL)
STAFF_AND_WORKERS = Access(staff=True, workers=WorkerAccess.ALL)
WORKERS = Access(workers=WorkerAccess.ALL, refuses_after_body=True)
USERS_AND_OWN_WORKERS = Access(users=True, staff=True, workers=WorkerAccess.OWN_NODE)
STAFF_AND_OWN_WORKERS = Access(staff=True, workers=WorkerAccess.OWN_NODE)
