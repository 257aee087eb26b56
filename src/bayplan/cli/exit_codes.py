"""The exit codes of commands that answer a question; docs/cli.md lists them with all others."""

from collections.abc import Mapping

RUNS = 0
"""The image runs; in general: done, yes, no differences."""
ERROR = 1
"""Not done: a sentence on the error output says why."""
USAGE = 2
"""Typed wrongly."""
NO = 3
"""The image does not run; for `diff` and the like: there are differences."""
UNKNOWN = 4
"""Whether the image runs is not known."""

OF_COMMANDS: Mapping[str, tuple[int, ...]] = {
    "check": (NO, UNKNOWN),
    "why": (NO, UNKNOWN),
    "check-database": (NO,),
    "diff": (NO,),
    "apply": (NO,),
    "images retire": (NO,),
    "worker status": (3, 4, 5, 6),
    "worker pull": (143,),
}
"""What commands end with besides 0, 1 and 2; docs/cli.md says when."""

# A `jit` image runs only where the driver can compile its kernels at start, which nobody can promise.
_OF_GRADES = {"native": RUNS, "minor": RUNS, "forward": RUNS, "cpu": RUNS, "jit": UNKNOWN, "unknown": UNKNOWN}


def of_grade(grade: str) -> int:
    """The exit code of a verdict."""
    return _OF_GRADES.get(grade, NO)
