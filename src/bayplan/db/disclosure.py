"""Decrypts stored registry passwords for one answer, and keeps of which images they are.

Whatever makes objects of rows takes a `Disclosure`, so that whoever sends them knows what to enter in the audit log.
"""

from bayplan.db.keyring import Keyring, UnknownKey


class Disclosure:
    """The registry passwords of one answer.

    `images` are the pks of those whose password was decrypted for it, `unreadable` of those whose password no key decrypts.
    """

    __slots__ = ("_keyring", "images", "unreadable")

    def __init__(self, keyring: Keyring) -> None:
        self._keyring = keyring
        self.images: list[int] = []
        self.unreadable: list[int] = []

    def password(self, image: int, stored: str) -> str:
        """Gives the password that is stored with an image; raises `UnknownKey`."""
        password = self._keyring.decrypt(stored)
        self.images.append(image)
        return password

    def shown_password(self, image: int, stored: str) -> str | None:
        """Gives the password that is stored with an image, None where no key decrypts it: the other images are shown."""
        try:
            return self.password(image, stored)
        except UnknownKey:
            self.unreadable.append(image)
            return None
