"""Sets of places as the bits of whole numbers: place 0 is the lowest bit.

Python's whole numbers do AND, OR and counting on ten thousand bits in less than a microsecond.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence

Bits = int

_SET = [tuple(bit for bit in range(8) if byte >> bit & 1) for byte in range(256)]
_BYTES_A_STEP = (
    64  # in a set with fewer places than one in so many bytes, going from place to place is faster than byte by byte
)
_MOST_SINGLE_STEPS = 24  # up to here a shift for each change is faster than the way through text


def places(bits: Bits) -> Iterator[int]:
    """The places in a set, the lowest first."""
    size = (bits.bit_length() + 7) // 8
    if bits.bit_count() * _BYTES_A_STEP < size:
        while bits:
            bit = bits & -bits
            yield bit.bit_length() - 1
            bits ^= bit
        return
    data = bits.to_bytes(size, "little")
    for start, byte in enumerate(data):
        if byte:
            for bit in _SET[byte]:
                yield start * 8 + bit


def lowest(bits: Bits) -> int:
    """The lowest place in a set that is not empty."""
    return (bits & -bits).bit_length() - 1


def from_places(members: Iterable[int], size: int) -> Bits:
    """The set of these places, all below `size`."""
    data = bytearray(size // 8 + 1)
    for place in members:
        data[place >> 3] |= 1 << (place & 7)
    return int.from_bytes(data, "little")


def move(removed: Sequence[int], inserted: Sequence[int], size: int) -> Callable[[Bits], Bits]:
    """Removes places from sets, and then inserts empty places; the others keep their order.

    `removed` has places of before, `inserted` places of after, both ascending; `size` is how many there were.
    """
    if len(removed) == 1 and removed == inserted:
        bit = 1 << removed[0]
        return lambda bits: bits & ~bit if bits & bit else bits
    if len(removed) + len(inserted) <= _MOST_SINGLE_STEPS:
        return _shift_each(removed, inserted)
    return _as_text(removed, inserted, size)


def _shift_each(removed: Sequence[int], inserted: Sequence[int]) -> Callable[[Bits], Bits]:
    out = [(place, (1 << place) - 1) for place in reversed(removed)]
    into = [(place, (1 << place) - 1) for place in inserted]

    def moved(bits: Bits) -> Bits:
        for place, below in out:
            above = bits >> place
            if above:
                bits = (bits & below) | (above >> 1 << place)
        for place, below in into:
            above = bits >> place
            if above:
                bits = (bits & below) | (above << place + 1)
        return bits

    return moved


def _as_text(removed: Sequence[int], inserted: Sequence[int], size: int) -> Callable[[Bits], Bits]:
    """Works on the digits of the set, the lowest place first, so that the cost does not grow with each change."""
    kept: list[slice] = []
    start = 0
    for place in (*removed, size):
        if place > start:
            kept.append(slice(start, place))
        start = place + 1
    parts: list[slice | None] = []  # None: an empty place
    done = 0
    pending = list(reversed(kept))
    for place in inserted:
        while done < place and pending:
            part = pending.pop()
            length = part.stop - part.start
            if done + length > place:
                cut = part.start + place - done
                pending.append(slice(cut, part.stop))
                part = slice(part.start, cut)
            parts.append(part)
            done += part.stop - part.start
        parts.append(None)
        done += 1
    parts.extend(reversed(pending))

    def moved(bits: Bits) -> Bits:
        digits = bin(bits | 1 << size)[:2:-1]
        return int("".join(["0" if part is None else digits[part] for part in parts])[::-1] or "0", 2)

    return moved
