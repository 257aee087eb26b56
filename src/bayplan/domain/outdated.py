"""Why an image is out of date: the reasons, each in a stable word."""

import datetime
from dataclasses import dataclass
from enum import StrEnum

SOON = datetime.timedelta(days=90)
"""How long before an image's end of life people are told of it."""


class OutdatedCode(StrEnum):
    """Why an image is out of date, in a stable word; those that weigh most first."""

    meaning: str
    """What the code says of an image, in one sentence."""

    def __new__(cls, code: str, meaning: str = "") -> "OutdatedCode":
        """Creates the member whose text is `code`."""
        member = str.__new__(cls, code)
        member._value_ = code
        member.meaning = meaning
        return member

    END_OF_LIFE = "end_of_life", "The image is past its end of life."
    END_OF_LIFE_SOON = "end_of_life_soon", "The image reaches its end of life within 90 days."
    DEPRECATED = "deprecated", "Staff deprecated the image."
    SUPERSEDED = "superseded", "There is a newer version of the same name."
    RUNS_NOWHERE = "runs_nowhere", "The image runs on no node of the catalogue."
    IN_NO_INVENTORY = "in_no_inventory", "No worker that reports an image inventory has the image."


@dataclass(frozen=True, slots=True)
class OutdatedReason:
    """A reason in words; since which day it holds, and the last day of what ends, where they are known."""

    code: OutdatedCode
    detail: str
    since: datetime.date | None = None
    until: datetime.date | None = None


def end_of_life(last_day: datetime.date | None, today: datetime.date) -> OutdatedReason | None:
    """The reason for an image with that last day; None where that is far, or not known."""
    if last_day is None or last_day > today + SOON:
        return None
    if last_day < today:
        following = last_day + datetime.timedelta(days=1)
        return OutdatedReason(
            OutdatedCode.END_OF_LIFE, f"It was maintained until {last_day}.", since=following, until=last_day
        )
    days = (last_day - today).days
    left = "the end of today" if not days else f"{last_day}, {days} more day{'' if days == 1 else 's'}"
    return OutdatedReason(OutdatedCode.END_OF_LIFE_SOON, f"It is maintained until {left}.", until=last_day)
