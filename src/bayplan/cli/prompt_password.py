"""Passwords from the input, where no other user of the machine sees them."""

import sys

from bayplan.errors import Invalid


def password() -> str:
    """Gives all of the input without the end of its line; raises `Invalid` where there are several, or nothing."""
    given = sys.stdin.read().removesuffix("\n").removesuffix("\r")
    if not given:
        raise Invalid("There is no password on the input.")
    if "\n" in given:
        raise Invalid("There are several lines on the input, and a password has one.")
    return given
