"""The user of the session: who they are, their password, and their tokens for programs."""

import builtins
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from bayplan.client.collection import Collection, Named, key
from bayplan.client.transport import Transport
from bayplan.errors import NotFound

if TYPE_CHECKING:
    from bayplan.schemas.auth import TokensAnswer
    from bayplan.schemas.tokens import ApiTokenAnswer, NewApiToken
    from bayplan.schemas.users import UserAnswer, WhoAmIAnswer  # noqa: F401  # the base class names one in quotes


class Users(Collection["UserAnswer", "UserAnswer"]):
    """The users, and oneself."""

    noun, name_fields, list_command = "user", ("username",), "user list"

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

    def named(self, text: str) -> "ApiTokenAnswer":
        """One's own token with that name or key, or for staff anybody's with that key. Raises `NotFound`."""
        mine = self.list()
        existing = [token for token in mine if token["name"] == text]
        existing = existing or [token for token in mine if token["pk"] == key(text)]
        if not existing and key(text) is not None and self._request("GET", "/v1/users/me")["user"]["is_staff"]:
            existing = [token for token in self.list(everyone=True) if token["pk"] == key(text)]
        if not existing:
            names = ", ".join(token["name"] for token in mine)
            raise NotFound(f"There is no token {text!r}; " + (f"yours are {names}." if names else "you have none."))
        return existing[0]

    def revoke(self, named: Named) -> None:
        """Ends a token at once, and for good: that with the key, or one's own with the name."""
        pk = named if isinstance(named, int) else self.named(named)["pk"]
        self._request("DELETE", f"/v1/tokens/{pk}")
