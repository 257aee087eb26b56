"""The keys that encrypt registry passwords at rest: AES-256-GCM, the newest key first, older ones still read.

A stored secret is `v1:<key id>:<base64 of nonce and ciphertext>`. The keys lie in `secrets.key` in the home folder, one on
a line, or come from `BAYPLAN_SECRETS_KEY`, separated by commas. The file is read again where it changed, so that the keys
can be rotated beside a running server.
"""

import base64
import fcntl
import hashlib
import os
import re
import secrets
import stat
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from bayplan.errors import BayplanError, CannotStart

_NONCE_BYTES = 12
_KEY_BYTES = 32
_KEY_ID = re.compile("[0-9a-f]{8}")


class UnknownKey(BayplanError):
    """A secret was encrypted with a key that is not at hand, or the key file cannot be read; `detail` names the file."""

    code = "unknown_key"

    @property
    def public_detail(self) -> str:
        """The sentence for whoever asked: without the key's name and its file."""
        return "The server lacks the key of a registry password: see the server's log."


def new_key() -> str:
    """Gives a new random key, as text for the key file or the setting."""
    return base64.urlsafe_b64encode(secrets.token_bytes(_KEY_BYTES)).decode()


class Keyring:
    """Encrypts with the first key, decrypts with any.

    Makes the key file where there is none, and raises `CannotStart` where there is no usable key. A process of a server that
    runs already does not make it: there, what needs a key raises `UnknownKey` until the file is back.
    """

    def __init__(self, keys: str | None, file: Path, *, makes_file: bool = True) -> None:
        self._file = None if keys else file
        self._stamp: tuple[int, int] | None = None
        self._ciphers: dict[str, AESGCM] = {}
        self._first = ""
        try:
            if keys:
                self._take(keys.split(","), "BAYPLAN_SECRETS_KEY")
            else:
                if makes_file:
                    make_private_file(file, new_key)
                self._reread()
        except UnknownKey as error:
            if keys or makes_file:
                raise CannotStart(error.detail) from None

    def encrypt(self, text: str) -> str:
        """Gives `text` encrypted with the newest key; raises `UnknownKey` where the key file cannot be read."""
        self._reread()
        nonce = os.urandom(_NONCE_BYTES)
        sealed = self._ciphers[self._first].encrypt(nonce, text.encode(), self._first.encode())
        return f"v1:{self._first}:{base64.b64encode(nonce + sealed).decode()}"

    def decrypt(self, stored: str) -> str:
        """Gives the text that was stored; raises `UnknownKey` where its key is not at hand, or it was altered."""
        _, _, rest = stored.partition(":")
        key_id, _, sealed = rest.partition(":")
        if key_id not in self._ciphers:
            self._reread()
        cipher = self._ciphers.get(key_id)
        if cipher is None:
            if not _KEY_ID.fullmatch(key_id):
                raise UnknownKey("A registry password cannot be decrypted, because it was altered. Enter it again.")
            raise UnknownKey(
                f"A registry password was encrypted with the key {key_id}, which is not in {self._source}."
            )
        try:
            data = base64.b64decode(sealed)
            return cipher.decrypt(data[:_NONCE_BYTES], data[_NONCE_BYTES:], key_id.encode()).decode()
        except (InvalidTag, ValueError):
            raise UnknownKey(
                f"A registry password cannot be decrypted with the key {key_id}, because it was altered. Enter it again."
            ) from None

    def has_key_of(self, stored: str) -> bool:
        """Whether the key is at hand that `stored` was encrypted with."""
        return stored.partition(":")[2].partition(":")[0] in self._ciphers

    def is_current(self, stored: str) -> bool:
        """Whether `stored` is encrypted with the newest key."""
        return stored.startswith(f"v1:{self._first}:")

    def add_new_key(self) -> None:
        """Puts a new key first in the key file; what the older keys encrypted can still be read."""
        if self._file is None:
            raise CannotStart(
                "The keys come from BAYPLAN_SECRETS_KEY: put a new one ('bayplan secrets key' prints one) before the old "
                "one there, with a comma between, restart the servers, then rotate with --no-new-key."
            )
        try:
            with self._file.with_suffix(".lock").open("w") as lock:
                # Two that rotate at once: neither may lose the other's key.
                fcntl.flock(lock, fcntl.LOCK_EX)
                replace_private_file(self._file, f"{new_key()}\n{self._file.read_text()}")
        except OSError as error:
            raise CannotStart(
                f"The key file {self._file} cannot be replaced: {_why(error)}. Nothing was changed."
            ) from None
        self._reread()

    @property
    def _source(self) -> str:
        return "BAYPLAN_SECRETS_KEY" if self._file is None else str(self._file)

    def _reread(self) -> None:
        """Reads the key file again where it changed; raises `UnknownKey` and keeps the keys where it cannot be used."""
        if self._file is None:
            return
        try:
            status = self._file.stat()
            stamp = (status.st_mtime_ns, status.st_ino)
            if stamp == self._stamp:
                return
            lines = self._file.read_text().split()
        except (OSError, UnicodeDecodeError) as error:
            raise UnknownKey(f"The key file {self._file} cannot be read: {_why(error)}.") from None
        self._take(lines, str(self._file))
        self._stamp = stamp

    def _take(self, keys: list[str], source: str) -> None:
        ciphers = {}
        for key in (key.strip() for key in keys):
            try:
                raw = base64.urlsafe_b64decode(key)
            except ValueError:
                raw = b""
            if len(raw) != _KEY_BYTES:
                raise UnknownKey(
                    f"{source} has a key that is not valid: each must be 32 bytes as 'bayplan secrets key' prints them."
                )
            ciphers[hashlib.sha256(raw).hexdigest()[:8]] = AESGCM(raw)
        if not ciphers:
            raise UnknownKey(f"{source} is empty: put a key there ('bayplan secrets key' prints one).")
        self._ciphers = ciphers
        self._first = next(iter(ciphers))


def signing_key(configured: str | None, file: Path, *, makes_file: bool = True) -> str:
    """Gives the key that signs access tokens: the configured one, or the file's; raises `CannotStart`."""
    if configured is None:
        if makes_file:
            make_private_file(file, lambda: secrets.token_urlsafe(48))
        try:
            configured = file.read_text().strip()
        except (OSError, UnicodeDecodeError) as error:
            raise CannotStart(f"The key file {file} cannot be read: {_why(error)}.") from None
    if len(configured) < 32:
        raise CannotStart("The signing key (BAYPLAN_SIGNING_KEY, or signing.key) must have 32 characters or more.")
    return configured


def make_private_file(file: Path, content: object) -> None:
    """Makes the file with mode 0600 and what `content()` gives, unless it exists; two that try at once agree on one."""
    assert callable(content)
    try:
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        if not file.exists():
            fresh = _write_private(file, str(content()))
            try:
                os.link(fresh, file)
            except FileExistsError:
                pass
            finally:
                fresh.unlink()
            _keep_name(file)
    except OSError as error:
        raise CannotStart(f"The key file {file} cannot be made: {_why(error)}.") from None


def replace_private_file(file: Path, content: str) -> None:
    """Replaces the file's content at once: a reader sees the old or the new, and never a part."""
    try:
        _write_private(file, content).replace(file)
        _keep_name(file)
    except OSError as error:
        raise CannotStart(f"The key file {file} cannot be written: {_why(error)}.") from None


def _write_private(file: Path, content: str) -> Path:
    fresh = file.with_name(f".{file.name}.{secrets.token_hex(8)}")
    handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, stat.S_IRUSR | stat.S_IWUSR)
    with os.fdopen(handle, "w") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())
    return fresh


def _keep_name(file: Path) -> None:
    """Has the name of a new file on the disk, as its content is: what a key encrypts may be safe elsewhere at once."""
    folder = os.open(file.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _why(error: Exception) -> str:
    return (error.strerror or str(error)) if isinstance(error, OSError) else "it is not a text file"
