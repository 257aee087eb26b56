"""Passwords: hashed with argon2id in a thread, a few at a time, to spare the event loop and the memory.

A keyboard may give `é` as one character or as two: a password is hashed composed (NFC), as RFC 8265 has it.
"""

import asyncio
import os
import sys
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Any

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from bayplan.domain.names import composed_part

# OWASP's recommendation for argon2id: 19 MiB, two passes, one lane.
_HASHER = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)
THREADS = len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1
NO_PASSWORD = ""
"""What is stored of a user who has no password yet; no password is right for it."""
_THREADS = ThreadPoolExecutor(THREADS, thread_name_prefix="argon2")


@cache
def _nobodys_hash() -> str:
    return _HASHER.hash("a password that is nobody's")


async def hash_of(password: str) -> str:
    """Gives the hash to store."""
    return await asyncio.get_running_loop().run_in_executor(_THREADS, _HASHER.hash, composed_part(password))


async def is_right(password: str, stored: str | None) -> bool:
    """Whether the password, in either of its Unicode forms, is the stored one.

    Takes as long where there is no user (None) or no password, so that nobody learns which users exist.
    """
    return await asyncio.get_running_loop().run_in_executor(_THREADS, _verify, password, stored)


def _verify(password: str, stored: str | None) -> bool:
    # As it is typed, too: hashes of earlier versions are of that.
    return any(_is_hashed(form, stored) for form in dict.fromkeys((composed_part(password), password)))


def _is_hashed(password: str, stored: str | None) -> bool:
    try:
        return _HASHER.verify(stored or _nobodys_hash(), password) and bool(stored)
    except (VerificationError, InvalidHashError):
        return False


async def hashed_in(values: dict[str, Any]) -> dict[str, Any]:
    """Gives a user's values with the password's hash in the place of the password."""
    password = values.pop("password", None)
    return values if password is None else {**values, "password_hash": await hash_of(password)}
