"""Ranges of whole numbers as regular expressions, for programs that fail at a text that is no number.

Node Feature Discovery refuses a whole specification where `Gt` meets a label without a number, such as the revision of driver
550.120; an expression that does not match is just that. Source: node-feature-discovery pkg/apis/nfd/nodefeaturerule/expression.go.
"""

from collections.abc import Iterator


def number_pattern(low: int, high: int | None) -> str:
    """Gives the expression for the numbers from `low` to `high`, both included (None: no end), with zeros before them or without."""
    return f"^0*({'|'.join(_alternatives(low, high))})$"


def _alternatives(low: int, high: int | None) -> Iterator[str]:
    longest = len(str(low if high is None else high))
    for length in range(len(str(low)), longest + 1):
        first = max(low, 10 ** (length - 1) if length > 1 else 0)
        last = 10**length - 1 if high is None else min(high, 10**length - 1)
        yield from _of_one_length(str(first), str(last))
    if high is None:
        yield f"[1-9][0-9]{{{longest},}}"


def _of_one_length(first: str, last: str) -> Iterator[str]:
    """The alternatives for the numbers between two of as many digits."""
    if first == last:
        yield first
        return
    if first[0] == last[0]:
        yield from (first[0] + rest for rest in _of_one_length(first[1:], last[1:]))
        return
    low, high, rest = int(first[0]), int(last[0]), len(first) - 1
    if first[1:].strip("0"):
        yield from (first[0] + part for part in _of_one_length(first[1:], "9" * rest))
        low += 1
    is_cut = bool(last[1:].strip("9"))
    whole = high - is_cut
    if low <= whole:
        yield (str(low) if low == whole else f"[{low}-{whole}]") + "[0-9]" * rest
    if is_cut:
        yield from (last[0] + part for part in _of_one_length("0" * rest, last[1:]))
