"""`make bench-scans`: measures how fast layers are scanned, and images by the server; prints tables in Markdown, with the floor."""

import argparse
import gzip
import io
import os
import platform
import sys
import sysconfig
import tarfile
import time
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import zstandard
from tests.scan.made import FATBINS, elf

from bayplan.scan.layer import read_layer
from benchmarks import server_scans
from benchmarks.page import Cells, table, verdict, write

PART = "Scans"
LEAST_MEGABYTES_PER_SECOND = 60
MOST_MEGABYTES, MOST_WAIT_MILLISECONDS = 200, 50
CHUNK_BYTES = 1 << 20
TURNS = 3
SERVER_LAYERS = 2
HEAD = (
    "a layer in",
    "packed",
    "unpacked",
    "bayplan, packed",
    "bayplan, unpacked",
    "bare, packed",
    "ratio",
    "target",
    "",
)
SERVER_HEAD = ("a scan by the server", "measured", "floor", "target", "")
SERVER_INTRODUCTION = """
The server scans an image with {layers} such layers of {unpacked:.0f} MB in gzip (together {packed:.0f} MB) in a real
registry (CNCF Distribution) on the same machine. The registry, the server and the reader process (at a lower priority) share
the cores, so on a busy machine the processor times decide. The floor is a bare client that reads the same layers one after
the other and unpacks them. Meanwhile, a client loads an image by pk from the server, at most a hundred times a second; the
floor of that row is the longest wait while nothing is scanned.

"""
INTRODUCTION = """\
Measured by `make bench-scans ARGS=--write`, which wrote this part, in one process on {machine}.

Half of the layer is the files of this project's own environment (shared objects, sources, metadata), repeated under other
names; the other half is libraries with fat binaries. *bare* unpacks the same bytes with the same library and reads none of
them: that is the limit. Rates are megabytes of the layer per second of processor time (a scan has one thread), as the layer
is transferred (*packed*) and as it is on the disk (*unpacked*); the best of {turns} runs counts.

"""


@dataclass(frozen=True, slots=True)
class Packing:
    """How a layer is packed, and what unpacks it with nothing else."""

    name: str
    pack: Callable[[bytes], bytes]
    unpack: Callable[[Iterator[bytes]], int]


def _bare_gzip(chunks: Iterable[bytes]) -> int:
    unpacker = zlib.decompressobj(31)
    return sum(len(unpacker.decompress(chunk)) for chunk in chunks)


def _bare_zstd(chunks: Iterable[bytes]) -> int:
    unpacker = zstandard.ZstdDecompressor().decompressobj()
    return sum(len(unpacker.decompress(chunk)) for chunk in chunks)


PACKINGS = (
    Packing("gzip", lambda data: gzip.compress(data, 6), _bare_gzip),
    Packing("zstd", lambda data: zstandard.compress(data, 3), _bare_zstd),
    Packing("nothing", lambda data: data, lambda chunks: sum(map(len, chunks))),
)


def layer(most_bytes: int, first: int = 0) -> bytes:
    """A tar of so many bytes, half of it files as they are, half of it libraries with GPU code; those of another `first` differ."""
    files = [path for path in sorted(Path(sysconfig.get_paths()["platlib"]).rglob("*")) if path.is_file()]
    containers = b"".join((FATBINS / f"{name}.fatbin").read_bytes() for name in ("compressed", "concatenated"))
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        number = 1_000 * first
        while buffer.tell() < most_bytes:
            for path in files:
                data = path.read_bytes()
                _add(tar, f"usr/lib/python3/site-packages/{number}/{path.name}", data)
                if ".so" in path.suffixes and buffer.tell() < most_bytes:
                    code = elf(((".nv_fatbin", containers * 20), (".text", data)))
                    _add(tar, f"usr/lib/{number}/gpu-{path.name}", code)
                if buffer.tell() >= most_bytes:
                    break
            number += 1
    return buffer.getvalue()


def _say(text: str) -> None:
    print(f"measuring: {text}", file=sys.stderr)


def _add(tar: tarfile.TarFile, name: str, data: bytes) -> None:
    member = tarfile.TarInfo(name)
    member.size = len(data)
    tar.addfile(member, io.BytesIO(data))


def chunks(data: bytes) -> Iterator[bytes]:
    """The data as it comes over a connection."""
    return (data[at : at + CHUNK_BYTES] for at in range(0, len(data), CHUNK_BYTES))


def seconds(work: Callable[[], object]) -> float:
    """The shortest processor time of a few turns; a scan has one thread, so on a quiet machine it takes as long."""
    times = []
    for _ in range(TURNS):
        begin = time.process_time()
        work()
        times.append(time.process_time() - begin)
    return min(times)


def rows(most_bytes: int, *, is_judged: bool) -> Iterator[Cells]:
    """The rows of the table."""
    plain = layer(most_bytes)
    for packing in PACKINGS:
        packed = packing.pack(plain)
        _say(f"a layer of {len(plain) / 1e6:.0f} MB in {packing.name}")
        bare = seconds(lambda packed=packed, packing=packing: packing.unpack(chunks(packed)))  # type: ignore[misc]  # mypy knows no defaults of lambdas
        ours = seconds(lambda packed=packed: read_layer(chunks(packed)))  # type: ignore[misc]  # the same
        rate = len(packed) / 1e6 / ours
        yield (
            packing.name,
            f"{len(packed) / 1e6:.0f} MB",
            f"{len(plain) / 1e6:.0f} MB",
            f"{rate:.0f} MB/s",
            f"{len(plain) / 1e6 / ours:.0f} MB/s",
            f"{len(packed) / 1e6 / bare:.0f} MB/s",
            f"{bare / ours:.0%}",
            f"at least {LEAST_MEGABYTES_PER_SECOND} MB/s",
            verdict(rate >= LEAST_MEGABYTES_PER_SECOND if is_judged else None),
        )


def server_rows(result: server_scans.Result, *, is_judged: bool) -> Iterator[Cells]:
    """The rows of the table of the server."""
    packed = result.packed_megabytes
    busiest = max(result.reader_cpu_seconds, result.server_cpu_seconds)
    values = (
        ("packed layers", packed / result.seconds, packed / result.bare_seconds, "{:.0f} MB/s", None, True),
        (
            "packed layers, by the processor time of the busier process",
            packed / max(busiest, 0.01),
            packed / max(result.bare_cpu_seconds, 0.01),
            "{:.0f} MB/s",
            LEAST_MEGABYTES_PER_SECOND,
            True,
        ),
        (
            "memory of the process that reads, at most",
            result.reader_megabytes,
            None,
            "{:.0f} MB",
            MOST_MEGABYTES,
            False,
        ),
        (
            "memory that the server takes for it, at most",
            result.server_megabytes - result.server_megabytes_before,
            None,
            "{:.0f} MB",
            None,
            False,
        ),
        (
            "the longest that a load waits meanwhile",
            result.longest_load_milliseconds,
            result.longest_quiet_milliseconds,
            "{:.0f} ms",
            MOST_WAIT_MILLISECONDS,
            False,
        ),
    )
    for name, value, floor, form, limit, is_least in values:
        target = "" if limit is None else f"at {'least' if is_least else 'most'} {form.format(limit)}"
        is_met = None if limit is None or not is_judged else (value >= limit if is_least else value <= limit)
        yield name, form.format(value), "" if floor is None else form.format(floor), target, verdict(is_met)


def main() -> int:
    """Measures and prints."""
    parser = argparse.ArgumentParser(prog="make bench-scans", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="a small layer, to see that it works")
    parser.add_argument("--write", action="store_true", help="also write its part of docs/performance.md")
    chosen = parser.parse_args()
    bytes_, server_bytes = (10_000_000, 10_000_000) if chosen.quick else (400_000_000, 100_000_000)
    is_judged = not chosen.quick
    text = table(HEAD, list(rows(bytes_, is_judged=is_judged)))
    packed = [gzip.compress(layer(server_bytes, number), 6) for number in range(SERVER_LAYERS)]
    try:
        result = server_scans.run(packed, 0.2 if chosen.quick else 3, _say)
    except pytest.skip.Exception as missing:
        print(missing, file=sys.stderr)
        return 1
    server_text = table(SERVER_HEAD, list(server_rows(result, is_judged=is_judged)))
    print(text, server_text, sep="\n", end="")
    if chosen.write:
        machine = f"{os.cpu_count()} cores with Python {platform.python_version()}"
        introduction = INTRODUCTION.format(machine=machine, turns=TURNS)
        by_server = SERVER_INTRODUCTION.format(
            layers=SERVER_LAYERS, unpacked=server_bytes / 1e6, packed=result.packed_megabytes
        )
        write(PART, introduction + text + by_server + server_text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
