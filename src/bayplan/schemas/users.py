"""Requests and answers about users. No answer holds a password."""

from typing import Annotated

from pydantic import Field
from typing_extensions import TypedDict

from bayplan.schemas.common import Body, Line, Name, Timestamp, partial
from bayplan.schemas.components import answer
from bayplan.schemas.tokens import ApiTokenAnswer

Password = Annotated[str, Field(min_length=8, max_length=1_000, examples=["correct horse battery staple"])]


class UserFields(Body):
    """What a user is, without the password."""

    username: Name = Field(examples=["kim"])
    first_name: Line = ""
    last_name: Line = ""
    email: Line = ""
    is_active: bool = True
    is_staff: bool = False


class UserReplace(UserFields):
    """A user, as PUT takes one: without `password` the old password stays."""

    password: Password | None = None


class UserCreate(UserReplace):
    """A new user."""

    password: Password


UserPatch = partial(UserReplace, "UserPatch", "Any of the fields of a user.")


class OwnPassword(Body):
    """A new password for oneself, with the old one."""

    old_password: Annotated[str, Field(max_length=1_000)]
    password: Password


@answer()
class UserAnswer(TypedDict):
    """A user. For principals who are not staff, all fields of other users but `pk` and `username` are null."""

    pk: int
    username: str
    first_name: str | None
    last_name: str | None
    email: str | None
    is_active: bool | None
    is_staff: bool | None
    date_joined: Timestamp | None
    last_login: Timestamp | None


@answer("WhoAmI")
class WhoAmIAnswer(TypedDict):
    """The user of the request. `token` is the token for programs in the request, or null; `expires` is when the request's token ends."""

    user: UserAnswer
    token: ApiTokenAnswer | None
    expires: Timestamp
