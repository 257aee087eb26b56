"""Decrypts stored registry passwords for one answer, and keeps of which images they are.

Whatever makes objects of rows takes a `Disclosure`, so that whoever sends them knows what to enter in the audit log.
"""

from bayplan.db.keyring import Keyring


class Disclosure:
    """The registry passwords of one answer: `images` are the pks of those whose password was decrypted for it."""

    __slots__ = ("_keyring", "images")

    def __init__(self, keyring: Keyring) -> None:
        self._keyring = keyring
        self.images: list[int] = []

    def password(self, image: int, stored: str) -> str:
        """Gives the password that is stored with an image; raises `UnknownKey`."""
        self.images.append(image)
        return self._keyring.decrypt(stored)
