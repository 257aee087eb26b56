"""Who sent a request."""

from dataclasses import dataclass

from bayplan.db.projection import Projection, projection
from bayplan.db.resource_types import Viewer
from bayplan.errors import Forbidden


@dataclass(frozen=True, slots=True)
class Principal:
    """Who sent a request: a user or a worker, perhaps for a node; and the catalogue's version when they did."""

    viewer: Viewer
    version: int
    user: int | None = None
    worker: int | None = None
    node: int | None = None
    name: str = ""

    @property
    def is_staff(self) -> bool:
        """Whether the caller is a staff user."""
        return self.viewer.is_staff

    @property
    def sees_credentials(self) -> bool:
        """Whether the caller may be given the log-ins of registries: staff and workers are."""
        return self.is_staff or self.viewer.is_worker

    def require_staff(self) -> None:
        """Raises `Forbidden` for anyone else."""
        if not self.is_staff:
            raise Forbidden("Only staff may do this: ask one of them, or log in as one.")

    def select(self, resource: str, expand: tuple[str, ...] = ()) -> Projection:
        """Gives the selection of a resource's objects as this caller sees them."""
        return projection(resource, self.sees_credentials, self.is_staff, expand)
