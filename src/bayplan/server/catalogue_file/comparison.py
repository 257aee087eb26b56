"""What a document has, compared with what is stored; how often a program may find out that it differs from a secret.

A token for programs is not shown the credentials of registries, but the list of changes says whether a document's differ. Without a
bound, dry runs would try out passwords until one is no change.
"""

from typing import Any

from bayplan.db.principal import Principal
from bayplan.db.resource_types import Field
from bayplan.server.hourly_budget import HourlyBudget

MOST_IN_AN_HOUR = 60
"""Differing credentials for the owner of tokens: the same new one for many images with the same old one counts once."""
REFUSAL = (
    f"Documents that programs sent for you had {MOST_IN_AN_HOUR} credentials within an hour that differ from the stored ones, "
    "which is the most for tokens: try again in {seconds} seconds, leave out 'registry_username' and 'registry_password', "
    "or log in with a user name and a password."
)


class DocumentComparison:
    """Compares values of one document for a principal."""

    def __init__(self, budget: HourlyBudget, by: Principal | None) -> None:
        self._budget, self._by = budget, by
        self._differing: set[tuple[Any, Any]] = set()

    def differs(self, field: Field | None, stored: Any, value: Any) -> bool:
        """Whether a value is another than the stored one; raises `TooManyAttempts` over the budget."""
        is_hidden = field is not None and self._by is not None and not self._by.sees(field)
        if not is_hidden or stored is None or value is None or (stored, value) in self._differing:
            return bool(stored != value)
        assert self._by is not None
        owner = self._by.user or 0
        self._budget.require(owner)  # before it compares: a refusal must not depend on the result
        if stored == value:
            return False
        self._budget.spend(owner)
        self._differing.add((stored, value))
        return True
