"""Who asks: a user, perhaps by a token of theirs, or a worker. What they see, filter by and do depends on it."""

from dataclasses import dataclass, field, replace

from bayplan.db.resource_types import Field, Visibility


@dataclass(frozen=True, slots=True)
class Principal:
    """A user or a worker, by its pk; without either, somebody who sees what everybody sees."""

    user: int | None = None
    worker: int | None = None
    is_staff: bool = False
    name: str = ""
    token: int | None = None
    """The pk of the token by which a program acts for the user; it sees no registry's credentials, whoever the user is."""
    epoch: int = field(default=0, compare=False, repr=False)
    """The epoch of its tokens, whose change ends all earlier ones."""
    as_of: int = field(default=0, compare=False, repr=False)
    """The catalogue's version at which its rights were read."""

    @property
    def sees_credentials(self) -> bool:
        """Whether the principal may be given the registries' credentials: staff who logged in and workers may."""
        return self.worker is not None or (self.is_staff and self.token is None)

    @property
    def kind(self) -> "Principal":
        """The same without who exactly it is: one of four principals, for what all of a kind may share."""
        if self.worker is not None:
            return _ANY_WORKER
        if self.token is not None and self.is_staff:
            return _ANY_STAFF_TOKEN
        return _ANY_STAFF if self.is_staff else EVERYBODY

    @property
    def without_credentials(self) -> "Principal":
        """The same, whom answers give no credentials of registries."""
        if self.worker is not None:
            return EVERYBODY
        return replace(self, token=self.token or 0) if self.is_staff else self

    def sees(self, shown: Field, *, through_reference: bool = False) -> bool:
        """Whether the field is shown; `through_reference`: of an object that another one refers to, perhaps not theirs."""
        if shown.sight is Visibility.CREDENTIALS:
            return self.sees_credentials
        return shown.sight is Visibility.ALL or self.is_staff or not through_reference


EVERYBODY = Principal()
_ANY_STAFF = Principal(is_staff=True)
_ANY_STAFF_TOKEN = Principal(is_staff=True, token=0)
_ANY_WORKER = Principal(worker=0)
