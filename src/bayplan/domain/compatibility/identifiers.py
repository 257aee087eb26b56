"""The identifiers of groups and kinds: short hashes of what they have in common."""

import hashlib
from collections.abc import Hashable
from dataclasses import fields, is_dataclass

_DIGEST_BYTES = 6


def identifier_of(facts: Hashable) -> str:
    """A short hash of facts: equal facts have the same one, in every process."""
    return hashlib.blake2b(_canonical(facts).encode(), digest_size=_DIGEST_BYTES).hexdigest()


def _canonical(value: object) -> str:
    """A text that is equal for equal values."""
    if is_dataclass(value):
        members = [(each.name, getattr(value, each.name)) for each in fields(value) if each.compare]
        # Without those that say nothing: an identifier stays when there is a new fact, for all that do not have it.
        texts = [f"{name}={_canonical(member)}" for name, member in members if member is not None]
        return f"{type(value).__name__}({','.join(texts)})"
    if isinstance(value, tuple):
        return f"({','.join(map(_canonical, value))})"
    return repr(value)
