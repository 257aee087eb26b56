"""Who asks: a user or a worker. What is shown, what may be filtered by and what may be done depends on it."""

from dataclasses import dataclass, field

from bayplan.db.resource_types import Field, Visibility


@dataclass(frozen=True, slots=True)
class Principal:
    """A user or a worker, by its pk; without either, somebody who sees what everybody sees."""

    user: int | None = None
    worker: int | None = None
    is_staff: bool = False
    name: str = ""
    epoch: int = field(default=0, compare=False, repr=False)
    """The epoch of its tokens, whose change ends all earlier ones."""
    as_of: int = field(default=0, compare=False, repr=False)
    """The catalogue's version at which its rights were read."""

    @property
    def sees_credentials(self) -> bool:
        """Whether the principal may be given the registries' credentials: staff and workers may."""
        return self.is_staff or self.worker is not None

    @property
    def kind(self) -> "Principal":
        """The same without who exactly it is: one of three principals, for what all of a kind may share."""
        if self.worker is not None:
            return _ANY_WORKER
        return _ANY_STAFF if self.is_staff else EVERYBODY

    def sees(self, shown: Field, *, through_reference: bool = False) -> bool:
        """Whether the field is shown; `through_reference`: of an object that another one refers to, perhaps not theirs."""
        if shown.sight is Visibility.CREDENTIALS:
            return self.sees_credentials
        return shown.sight is Visibility.ALL or self.is_staff or not through_reference


EVERYBODY = Principal()
_ANY_STAFF = Principal(is_staff=True)
_ANY_WORKER = Principal(worker=0)
