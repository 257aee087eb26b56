"""What must hold of a whole object before it is stored, beyond what its body's schema can say: one function for each resource.

Each is given the row as it would be (references resolved to pks), the row as it is (None for a new one), and the facts that
staff enter with it; it only judges, and raises `Invalid` or `Conflict`. What follows from a change is in `effects`.
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import sqlalchemy as sa

from bayplan.db import image_facts, tables
from bayplan.db.database import Transaction
from bayplan.domain.facts import STAFF
from bayplan.domain.reference import check_agreement, located
from bayplan.errors import Conflict, Invalid, Problem

Row = dict[str, Any]
Facts = Mapping[str, Any]
Validation = Callable[[Transaction, Row, Row | None, Facts], Awaitable[None]]

_REQUIRED_FOR_GPU = (
    ("cuda_version", "name the CUDA release in the image, such as '12.4.1'"),
    ("min_hardware_generation", "name the oldest generation that the image supports, such as 'Pascal'"),
)


_WITHOUT_CUDA = "'cpu' is true, or the image's facts have 'needs_driver' or another 'accelerator' than cuda"


async def image_errors(tx: Transaction, row: Row, old: Row | None, facts: Facts) -> list[Invalid]:
    """Gives an error for each kind of mistake in an image: a write raises the first, a form shows all."""
    errors: list[Invalid] = []
    try:
        if old is None or any(row[name] != old[name] for name in ("url", "registry")):
            check_agreement(row["url"], row["registry"])
        if old is not None and tx.by_token:
            _check_credentials_stay(row, old)
    except Invalid as error:
        errors.append(error)
    if (row["registry_username"] is None) != (row["registry_password"] is None):
        missing = "registry_password" if row["registry_password"] is None else "registry_username"
        detail = "'registry_username' and 'registry_password' are both set or both null."
        errors.append(Invalid.at(missing, "incomplete_login", detail))
    if not row["cpu"]:
        problems = [
            Problem(name, "required_for_gpu", f"'{name}' may be null only if {_WITHOUT_CUDA}: {hint}.")
            for name, hint in _REQUIRED_FOR_GPU
            if row[name] is None
        ]
        if problems and not await _is_without_cuda(tx, old, facts):
            errors.append(Invalid(" ".join(p.detail for p in problems), code="required_for_gpu", problems=problems))
    return errors


async def _image(tx: Transaction, row: Row, old: Row | None, facts: Facts) -> None:
    for error in await image_errors(tx, row, old, facts):
        raise error


def _check_credentials_stay(row: Row, old: Row) -> None:
    """Raises `Invalid` where a program would send a stored password, which it cannot see, to another registry."""
    is_kept = old["registry_password"] is not None and row["registry_password"] == old["registry_password"]
    if is_kept and located(row["url"], row["registry"]).registry != located(old["url"], old["registry"]).registry:
        raise Invalid.at(
            "registry_password",
            "credentials_of_another_registry",
            "With a token, an image with credentials cannot move to another registry and keep them: send "
            "'registry_username' and 'registry_password' of the new registry, or null for both.",
        )


async def _is_without_cuda(tx: Transaction, old: Row | None, facts: Facts) -> bool:
    """Whether staff's facts, as they would be, say that an image uses a GPU without CUDA."""
    entered = {**(await image_facts.facts_of(tx, old["pk"], STAFF) if old is not None else {}), **facts}
    return entered.get("accelerator") not in (None, "cuda") or entered.get("needs_driver") is True


async def _cuda(_tx: Transaction, row: Row, _old: Row | None, _facts: Facts) -> None:
    if not f"{row['full_version']}.".startswith(f"{row['version']}."):
        raise Invalid.at(
            "full_version",
            "versions_disagree",
            f"'full_version' ({row['full_version']}) must be a release of 'version' ({row['version']}), as 12.4.1 is of 12.4.",
        )


async def _hardware(tx: Transaction, row: Row, old: Row | None, _facts: Facts) -> None:
    low, high = row["min_compute_capability"], row["max_compute_capability"]
    if low >= high:
        raise Invalid.at(
            "max_compute_capability",
            "inverted_range",
            f"'max_compute_capability' ({high}) must be more than 'min_compute_capability' ({low}): the generation ends "
            "below it.",
        )
    columns = tables.hardware.c
    statement = sa.select(columns.generation, columns.min_compute_capability, columns.max_compute_capability).where(
        columns.min_compute_capability < high, columns.max_compute_capability > low
    )
    if old is not None:
        statement = statement.where(columns.pk != old["pk"])
    overlapping = await tx.fetch(statement.order_by(columns.min_compute_capability))
    if overlapping:
        name, other_low, other_high = tuple(overlapping[0])
        raise Invalid.at(
            "min_compute_capability",
            "overlapping_range",
            f"The range {low} to {high} overlaps that of '{name}', which is {other_low} to {other_high} (exclusive).",
        )


async def _framework(tx: Transaction, row: Row, old: Row | None, _facts: Facts) -> None:
    if " " in row["name"] or " " in row["version"]:
        columns = tables.frameworks.c
        text = f"{row['name']} {row['version']}"
        others = sa.select(columns.pk).where(columns.name + " " + columns.version == text, columns.name != row["name"])
        same = [pk for (pk,) in await tx.fetch(others) if old is None or pk != old["pk"]]
        if same:
            raise Conflict(
                f"The name '{text}' is that of another framework already, pk {same[0]}: use another name or version.",
                code="duplicate",
            )


async def _user(tx: Transaction, row: Row, old: Row | None, _facts: Facts) -> None:
    if old is not None and old["is_staff"] and old["is_active"] and not (row["is_staff"] and row["is_active"]):
        columns = tables.users.c
        # Who has no password cannot log in, and so can make nobody staff.
        able = (columns.is_staff, columns.is_active, columns.password_hash != "", columns.pk != old["pk"])
        if not await tx.fetch(sa.select(columns.pk).where(*able).limit(1)):
            raise Conflict(
                "This is the last active staff user with a password: make another user staff before this one is "
                "taken away.",
                code="last_staff_user",
            )


VALIDATIONS: Mapping[str, Validation] = {
    "docker": _image,
    "cuda": _cuda,
    "hardware": _hardware,
    "frameworks": _framework,
    "users": _user,
}
