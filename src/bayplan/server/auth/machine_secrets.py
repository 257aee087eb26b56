"""Secrets of machines: 256 random bits, which cannot be guessed, so a fast hash is enough."""

import hashlib
import hmac


def hashed(secret: str) -> str:
    """Gives what is stored of a secret."""
    return hashlib.sha256(secret.encode()).hexdigest()


def is_right(secret: str, stored: str) -> bool:
    """Whether that is the secret."""
    return hmac.compare_digest(hashed(secret), stored)
