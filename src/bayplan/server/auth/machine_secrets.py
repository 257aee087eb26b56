"""Secrets of machines: 256 random bits, so that nothing slower than one hash is needed for what is not guessed."""

import hashlib
import hmac


def hashed(secret: str) -> str:
    """Gives what is stored of a secret."""
    return hashlib.sha256(secret.encode()).hexdigest()


def is_right(secret: str, stored: str) -> bool:
    """Whether that is the secret."""
    return hmac.compare_digest(hashed(secret), stored)
