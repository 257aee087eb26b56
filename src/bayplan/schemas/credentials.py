"""Requests and answers about the credentials of registries. No answer holds a password."""

from typing import Annotated

from pydantic import Field
from typing_extensions import TypedDict

from bayplan.schemas.common import Body, Timestamp
from bayplan.schemas.components import answer
from bayplan.schemas.docker import Password, Registry, Username


@answer("LogIn")
class RegistryCredentialsAnswer(TypedDict):
    """A user name at a registry, and the images that are pulled with it."""

    registry: str
    username: str
    images: int
    passwords: Annotated[
        int, Field(description="How many different passwords its images have: 1, unless a rotation is due.")
    ]
    last_used: Timestamp | None
    last_refused: Timestamp | None
    last_given: Timestamp | None


class Rotation(Body):
    """A new password for all images with these credentials; `new_username` changes the user name too."""

    registry: Registry
    registry_username: Username
    registry_password: Password
    new_username: Username | None = None
    check: bool = True


@answer("Rotated")
class RotationAnswer(TypedDict):
    """How many images have the new credentials, and whether the registry accepted them; `detail` says why not."""

    images: int
    verified: bool
    detail: str
