"""The user of the session: who they are, their password, and their tokens for programs."""

import builtins
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from bayplan.client.resources import Collection
from bayplan.client.transport import Transport

if TYPE_CHECKING:
    from bayplan.schemas.auth import TokensAnswer
    from bayplan.schemas.tokens import ApiTokenAnswer, NewApiToken
    from bayplan.schemas.users import UserAnswer, WhoAmIAnswer  # noqa: F401  # the base class names one in quotes


class Users(Collection["UserAnswer", "UserAnswer"]):
    """The users, and oneself."""

    def me(self) -> "WhoAmIAnswer":
        """The user of the session or of the token, and that token."""
        me: WhoAmIAnswer = self._request("GET", f"{self._path}/me")
        return me

    def change_password(self, old_password: str, password: str) -> "TokensAnswer":
        """Gives oneself a new password for the old one; all earlier sessions and tokens end. Gives the tokens of a new session.

        Raises `Invalid` where the old password is wrong.
        """
        body = {"old_password": old_password, "password": password}
        tokens: TokensAnswer = self._request("POST", f"{self._path}/me/password", body)
        return tokens


class ApiTokens:
    """Tokens with which programs act for a user."""

    def __init__(self, transport: Transport) -> None:
        self._request = transport.request

    def create(self, name: str, scopes: Sequence[str], *, expires_in: int | None = None) -> "NewApiToken":
        """A new token, good for `scopes` and for `expires_in` seconds; its text is in no later answer."""
        body: dict[str, Any] = {"name": name, "scopes": builtins.list(scopes)}
        if expires_in is not None:
            body["expires_in"] = expires_in
        token: NewApiToken = self._request("POST", "/v1/tokens/create", body)
        return token

    def list(self, *, everyone: bool = False, include_inactive: bool = False) -> "builtins.list[ApiTokenAnswer]":
        """One's own tokens that are good; those of all users for staff, and with `include_inactive` those that have ended."""
        tokens: builtins.list[ApiTokenAnswer] = self._request(
            "POST",
            "/v1/tokens/list",
            {"include_inactive": include_inactive},
            params={"everyone": "true" if everyone else None},
        )
        return tokens

    def revoke(self, pk: int) -> None:
        """Ends a token at once, and for good."""
        self._request("DELETE", f"/v1/tokens/{pk}")
