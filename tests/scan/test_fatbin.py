"""The reader of fat binaries, on real ones, in chunks of any size, and on headers that lie."""

import random
import struct

import pytest

from bayplan.domain.compatibility.kernels import parse_kernel
from bayplan.scan.fatbin import FatbinReader, kernel_list, read_fatbins
from tests.scan.made import FATBINS, container, elf, entry

KERNELS = ("7.5", "9.0a", "10.0f", "12.0+PTX")
A, F = 0x100011, 0x200011


@pytest.mark.parametrize("name", ["compressed", "concatenated"])
def test_real_fatbins_are_read_with_their_suffixes(name: str) -> None:
    """Compressed or concatenated by NVIDIA's own program: the same capabilities."""
    contents = read_fatbins([(FATBINS / f"{name}.fatbin").read_bytes()])
    assert (contents.kernels, contents.containers, contents.malformed) == (KERNELS, 1, 0)


def test_chunks_of_any_size_give_the_same() -> None:
    """A header may be cut anywhere."""
    part = (FATBINS / "concatenated.fatbin").read_bytes()
    noise = random.Random(7).randbytes(300)
    file = b"\x7fELF" + noise + part + b"\x50\xed\x55" + part[:4] + noise + container(entry(1, 80)) + noise[:2]
    whole = read_fatbins([file], len(file))
    assert whole.kernels == ("7.5", "compute_80", *KERNELS[1:])
    assert whole.containers == 2
    for size in (1, 2, 3, 15, 16, 63, 64, 65, 500):
        assert read_fatbins((file[at : at + size] for at in range(0, len(file), size)), len(file)) == whole


def test_code_that_was_not_linked_is_not_counted() -> None:
    """What `nvcc -rdc` keeps for a later link runs nowhere."""
    linked, unlinked = container(entry(2, 80), entry(8, 90), entry(4, 70)), container(entry(2, 90), entry(1, 90))
    file = elf((("__nv_relfatbin", unlinked), (".text", b"x" * 100), (".nv_fatbin", linked)))
    assert read_fatbins([file], len(file)).kernels == ("8.0",)
    assert read_fatbins((file[at : at + 10] for at in range(0, len(file), 10)), len(file)).kernels == ("8.0",)
    without_table = file[:60] + bytes(4) + file[64:]
    assert read_fatbins([without_table]).kernels == ("8.0", "9.0+PTX")


def test_kernel_lists_are_of_the_form_of_facts() -> None:
    """Each entry is one that the rules can read."""
    kernels = kernel_list(
        ["sm_120", "compute_120", "sm_90a", "sm_90", "compute_100f", "sm_75", "sm_9", "gfx942", "sm_1000"]
    )
    assert kernels == ("7.5", "9.0", "9.0a", "compute_100f", "12.0+PTX")
    assert all(parse_kernel(kernel) is not None for kernel in kernels)


def header(size: int, version: int = 1, header_bytes: int = 16) -> bytes:
    """A container's header."""
    return struct.pack("<IHHQ", 0xBA55ED50, version, header_bytes, size)


GOOD = container(entry(2, 86, flags=A), entry(2, 90, flags=F))


@pytest.mark.parametrize(
    ("lie", "malformed"),
    [
        (header(1 << 63), 0),  # larger than the file
        (header(100, version=2), 0),
        (header(100, header_bytes=24), 0),
        (header(80) + struct.pack("<HHIQ", 2, 0x101, 64, 1 << 62) + bytes(64), 1),  # an entry larger than its container
        (header(64) + struct.pack("<HHIQ", 2, 0x101, 8, 0) + bytes(48), 1),  # a header that is too small for one
        (header(64) + struct.pack("<HHIQ", 2, 0x101, 1 << 31, 0) + bytes(48), 1),
        (header(40) + bytes(40), 1),  # no room for an entry
        (header(128) + struct.pack("<HHIQ", 0x100, 0x101, 128, 0) + bytes(48) + b"\xff" * 64, 0),  # 4 billion parts
        (header(0), 0),
        (container(entry(2, 7), entry(2, 4_000_000_000), entry(77, 80)), 0),  # capabilities that cannot be
    ],
)
def test_headers_that_lie_hide_nothing_and_end(lie: bytes, malformed: int) -> None:
    """The containers after them are read, and theirs are not believed."""
    file = lie + GOOD
    contents = read_fatbins([file], len(file))
    assert (contents.kernels, contents.malformed) == (("8.6a", "9.0f"), malformed)
    assert read_fatbins((file[at : at + 7] for at in range(0, len(file), 7)), len(file)) == contents


def test_a_file_that_breaks_off_is_malformed() -> None:
    """What it would have had is not known."""
    contents = read_fatbins([GOOD[:-1]])
    assert (contents.containers, contents.malformed) == (0, 1)
    reader = FatbinReader()
    assert reader.close().containers == 0


def test_targets_without_end_are_counted_as_malformed() -> None:
    """Memory is bounded also where each of many containers has hundreds of targets, no two the same."""
    several = [container(*(entry(2, 10 + (first * 3 + at) % 980, b"") for at in range(900))) for first in range(250)]
    contents = read_fatbins(several)
    assert contents.malformed > 0
    assert contents.containers + contents.malformed == len(several)
