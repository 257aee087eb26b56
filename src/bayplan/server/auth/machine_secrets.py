"""Secrets of machines: 256 random bits, which cannot be guessed, so a fast hash is enough."""

import hashlib
import hmac


def hashed(secret: str) -> str:
    """Gives the hash of a secret, to store."""
    return hashlib.sha256(secret.encode()).hexdigest()


def is_right(secret: str, stored: str) -> bool:
    """Whether the secret has that hash."""
    return hmac.compare_digest(hashed(secret), stored)
