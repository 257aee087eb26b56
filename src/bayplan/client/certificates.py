"""The authorities whose certificates of servers are trusted: the system's, or those that the environment names."""

import os
import ssl
from functools import cache
from pathlib import Path

from bayplan.errors import CannotStart


def authorities() -> ssl.SSLContext:
    """The context that trusts those in the file SSL_CERT_FILE, or else in the folders SSL_CERT_DIR, or else the system's.

    Raises `CannotStart` naming the variable where it leads to none.
    """
    return _context(os.environ.get("SSL_CERT_FILE") or None, os.environ.get("SSL_CERT_DIR") or None)


def variable() -> str | None:
    """The variable that names the trusted authorities; None where they are the system's."""
    return next((name for name in ("SSL_CERT_FILE", "SSL_CERT_DIR") if os.environ.get(name)), None)


@cache  # each context takes megabytes
def _context(file: str | None, folders: str | None) -> ssl.SSLContext:
    import httpx2

    if file is not None:
        return _of_file(file)
    if folders is not None:
        return _of_folders(folders)
    return httpx2.create_ssl_context(trust_env=False)


def _of_file(file: str) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        context.load_verify_locations(cafile=file)
    except ssl.SSLError:
        raise CannotStart(f"SSL_CERT_FILE: {file} holds no certificate in PEM form that can be read.") from None
    except OSError as error:
        raise CannotStart(f"SSL_CERT_FILE: {file} cannot be read: {error.strerror}.") from None
    return context


def _of_folders(folders: str) -> ssl.SSLContext:
    """Folders as OpenSSL has them, with colons between, in which each certificate's file has the hash of its subject as its name."""
    if not any(Path(folder).is_dir() for folder in folders.split(os.pathsep)):
        raise CannotStart(f"SSL_CERT_DIR: {folders} is no folder.")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(capath=folders)
    return context
