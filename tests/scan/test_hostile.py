"""Layers that lie: each is refused with a sentence or read as far as it is true, in bounded memory and without a traceback."""

import bz2
import contextlib
import gzip
import lzma
import random
import subprocess
import sys
import tarfile
import time
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import zstandard

from bayplan.scan.errors import ScanFailed
from bayplan.scan.export import scan_export
from bayplan.scan.facts import image_facts, image_packages
from bayplan.scan.image import ImageFiles, LayerSource, scan_layers
from bayplan.scan.layer import read_layer
from bayplan.scan.unpack import UnpackLimits
from bayplan.schemas.scans import ScanReport
from tests.scan.made import FATBINS, container, elf, elf_with_note, entry, export, layer

METADATA = b"Metadata-Version: 2.1\nName: torch\nVersion: 2.6.0\n\n"
PATH = "usr/lib/python3/site-packages/torch-2.6.0.dist-info/METADATA"
PLAIN = layer(
    {PATH: METADATA, "usr/lib/libx.so": elf(((".nv_fatbin", (FATBINS / "compressed.fatbin").read_bytes()),))}, "plain"
)


def member(
    name: str,
    kind: bytes = tarfile.REGTYPE,
    data: bytes = b"",
    link: str = "",
    headers: Mapping[str, str] | None = None,
) -> bytes:
    """A member of a tar, its size and all else as they are given."""
    info = tarfile.TarInfo(name)
    info.type, info.linkname, info.size = kind, link, len(data)
    info.pax_headers = dict(headers or {})
    return info.tobuf(tarfile.PAX_FORMAT) + data + bytes(-len(data) % 512)


@pytest.mark.parametrize(
    ("before", "note"),
    [
        (member("../../etc/passwd", data=METADATA), "lead out of the image"),
        (member("a/../../b/x.dist-info/METADATA", data=METADATA), "lead out of the image"),
        (member("x" * 5_000, data=b"x"), "lead out of the image"),
        (member("etc/x", tarfile.SYMTYPE, link="/../../../etc/shadow"), ""),
        (member("etc/y", tarfile.LNKTYPE, link="../../etc/shadow"), ""),
        (member("dev/sda", tarfile.BLKTYPE), ""),
        (member("dev/null", tarfile.CHRTYPE) + member("run/pipe", tarfile.FIFOTYPE), ""),
        (
            member(
                "sparse",
                data=b"1\n0\n5\n" + bytes(506) + b"12345",
                headers={"GNU.sparse.major": "1", "GNU.sparse.realsize": "9" * 15},
            ),
            "sparse",
        ),
        (member("p", tarfile.XGLTYPE, data=b"20 comment=whatever\n"), ""),
        (member("a\tb\x1b[2J/x.dist-info/METADATA", data=METADATA), ""),
        (member("etc/ld.so.conf.d/big.conf", data=b"/x\n" * 100_000), ""),
    ],
)
def test_odd_members_spoil_nothing(before: bytes, note: str) -> None:
    """What follows them is read, and nothing of theirs is a finding under a name outside the tree."""
    findings = read_layer([before + PLAIN])
    assert PATH in findings.files
    assert not any(".." in path or "\t" in path for path in findings.files)
    assert any(note in sentence for sentence in findings.notes) == bool(note)


def test_absolute_names_are_relative_to_the_tree() -> None:
    """As engines take them."""
    assert list(read_layer([member(f"/.//{PATH}", data=METADATA)]).files) == [PATH]


def _size_of(header: bytes, text: bytes) -> bytes:
    changed = header[:124] + text.ljust(12, b"\0") + header[136:148] + b" " * 8 + header[156:512]
    return changed[:148] + b"%06o\0 " % sum(changed) + changed[156:] + header[512:]


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (PLAIN[:3_000], "not complete"),
        (gzip.compress(PLAIN)[:-10], "not complete"),
        (gzip.compress(PLAIN)[:200] + bytes(50) + gzip.compress(PLAIN)[250:], "damaged"),
        (zstandard.compress(PLAIN)[:100] + bytes(50) + zstandard.compress(PLAIN)[150:], "damaged"),
        (zstandard.compress(PLAIN)[:-400], "not complete"),
        (random.Random(1).randbytes(4_096), "not a tar"),
        (lzma.compress(PLAIN), "compressed with xz"),
        (bz2.compress(PLAIN), "compressed with bzip2"),
        (_size_of(member("a"), b"\x80" + b"\xff" * 11), "impossible size"),
        (_size_of(member("a"), b"\xff" * 12), "impossible size"),
        (_size_of(member("a"), b"99999999999"), "impossible size"),
        (_size_of(member("p", tarfile.XHDTYPE), b"77777777"), "impossible size"),
        (_size_of(member("p", tarfile.GNUTYPE_LONGNAME), b"77777777777"), "impossible size"),
        (member("p", tarfile.XHDTYPE, data=b"99999 path=x\n"), "that is not valid"),
        (member("p", tarfile.XHDTYPE, data=b"0 path=x\n"), "that is not valid"),
        (member("p", tarfile.XHDTYPE, data=b"16 size=" + b"-1" * 3 + b"\n\n") + member("a"), "impossible size"),
        (_size_of(member("usr/lib/big.so", data=b"\x7fELF"), b"777777777777"), "not complete"),
    ],
)
def test_damaged_layers_are_refused_in_a_sentence(data: bytes, sentence: str) -> None:
    """Whole, and as a layer of an engine's archive."""
    with pytest.raises(ScanFailed, match=sentence):
        read_layer([data])


def test_what_unpacks_to_too_much_is_refused() -> None:
    """By its ratio, and by its size."""
    zeros = bytes(1 << 20)
    limits = UnpackLimits(most_bytes=1 << 30, most_ratio=100, free_bytes=1 << 20)
    for packed in (
        gzip.compress(PLAIN + zeros * 8),
        zstandard.compress(PLAIN[:-1024] + member("zeros", data=zeros * 8)),
    ):
        with pytest.raises(ScanFailed, match="unpacks to more than"):
            read_layer([packed], limits)
    with pytest.raises(ScanFailed, match="unpacks to more than"):
        read_layer([gzip.compress(PLAIN)], UnpackLimits(most_bytes=5_000))
    assert PATH in read_layer([gzip.compress(PLAIN)], limits).files


@pytest.mark.parametrize(
    "document",
    [
        b"[]", b"{}", b"[1]", b'[{"Config": 1, "Layers": ["x"]}]', b'[{"Config": "c", "Layers": [1]}]', b"[" * 5_000,
        b'[{"Config": "c", "Layers": ["not/there"]}]', b'[{"Config": "c", "Layers": ["loop"]}]',
    ],
)  # fmt: skip
def test_archives_of_engines_that_lack_something(document: bytes) -> None:
    """Documents that are none, and layers that are not there."""
    archive = layer(
        {"manifest.json": document, "loop": "loop", "index.json": b'{"manifests": [{"digest": 5}, 7]}'}, "plain"
    )
    with pytest.raises(ScanFailed, match="archive"):
        scan_export([archive])


def spoiled(data: bytes, chance: random.Random) -> bytes:
    """The data with some bytes changed, cut out, or doubled."""
    changed = bytearray(data)
    for _ in range(chance.randrange(1, 6)):
        at = chance.randrange(len(changed))
        match chance.randrange(4):
            case 0:
                changed[at] = chance.randrange(256)
            case 1:
                del changed[at : at + chance.randrange(1, 600)]
            case 2:
                changed[at:at] = changed[at : at + chance.randrange(1, 600)]
            case _:
                changed[at : at + 8] = chance.choice([b"\xff" * 8, bytes(8), b"\x7fELF\x02\x01\0\0"])
    return bytes(changed)


@pytest.mark.parametrize(
    ("read", "data"),
    [
        (lambda data: read_layer([data]), PLAIN),
        (lambda data: read_layer([data]), gzip.compress(PLAIN)),
        (lambda data: read_layer([data]), zstandard.compress(PLAIN)),
        (lambda data: scan_export([data]), export([gzip.compress(PLAIN)], form="oci")),
        (lambda data: scan_export([data]), export([gzip.compress(PLAIN)])),
    ],
    ids=["tar", "gzip", "zstd", "oci", "docker"],
)
def test_spoiled_layers_and_archives_raise_nothing_else(read: Callable[[bytes], object], data: bytes) -> None:
    """Some hundred each: a result, or a sentence."""
    chance = random.Random(zlib.crc32(data))
    for _ in range(120):
        with contextlib.suppress(ScanFailed):
            read(spoiled(data, chance))


def test_what_odd_files_say_is_a_report_that_the_server_takes() -> None:
    """Control characters, lengths, numbers and lists beyond all bounds: the report of the rest is not refused for them."""
    dpkg = "".join(
        f"Package: {name}\nStatus: install ok installed\nVersion: {version}\n\n"
        for name, version in (
            ("cuda-compat-\x1b[2J", "1"), ("libcudnn9" + "x" * 900, "9.1"), ("cuda-cudart-12-4", "12.4.1\x07"),
            ("libnccl2", "9" * 90), ("cuda-cudart-999-999", "1.0"),
        )
    )  # fmt: skip
    many = container(*(entry(2, capability, b"") for capability in range(10, 990)))
    files: dict[str, bytes | str | None] = {
        "var/lib/dpkg/status": dpkg.encode(),
        "usr/local/cuda/version.json": b'{"cuda": {"version": "999.999.99999"}, "x": {"version": "\\u0007"}}',
        "usr/local/cuda/compat/libcuda.so.9999.9999": elf_with_note('{"CUDA Version": "new", "Driver": [-1]}'),
        "opt/rocm/.info/version": b"6.2.41134-x",
        "conda-meta/pytorch-" + "9" * 150 + "-cuda999.9_0.json": b"{}",
        f"{'usr/lib/x' * 150}/torch-1.dist-info/METADATA": METADATA,
        "usr/lib/libtorch_cuda.so": elf(((".nv_fatbin", many), (".text", bytes(5_000)))),
    }
    image = scan_layers([LayerSource(None, lambda: [layer(files)])])
    report: dict[str, Any] = {
        "facts": image_facts(image, {}),
        "packages": image_packages(image),
        "notes": list(image.notes),
    }
    ScanReport.model_validate(report)
    assert len(report["facts"]["kernel_architectures"]["value"]["torch"]) == 200


def test_links_in_a_circle_end() -> None:
    """And a path that leads out of the tree stays in it."""
    image = ImageFiles({}, {"a": "b", "b": "/a/x", "c": "../../../d"})
    assert image.resolve("a/y") == "a/y"
    assert image.resolve("c/e") == "d/e"


MEMORY = """
import re, sys
from pathlib import Path
from bayplan.scan.layer import read_layer
from bayplan.scan.unpack import UnpackLimits
with open(sys.argv[1], "rb") as file:
    findings = read_layer(iter(lambda: file.read(1 << 20), b""), UnpackLimits(most_ratio=1 << 30))
# Of this program alone: `ru_maxrss` has the memory of the process that started it too.
kilobytes = re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1]
print(int(kilobytes) // 1024, findings.bytes_read)
"""


def pieces() -> Iterator[bytes]:
    """25,000 members that tell something under long names, and a library of 150 MB of false containers."""
    one = member("usr/lib/000000.dist-info/METADATA", data=METADATA)
    for number in range(25_000):
        name = b"usr/lib/%06d%s.dist-info/METADATA" % (number, b"x" * 50)
        header = name.ljust(100, b"\0") + one[100:148] + b" " * 8 + one[156:512]
        yield header[:148] + b"%06o\0 " % sum(header) + header[156:] + one[512:]
    part = (FATBINS / "compressed.fatbin").read_bytes()
    block = b"\x50\xed\x55\xba\x01\0\x10\0" + bytes(8) + b"CCOB\x02\0\x01\0" + part[:500] + part
    info = tarfile.TarInfo("usr/lib/libbig.so")
    info.size = 150 << 20
    yield info.tobuf()
    yield b"\x7fELF\x02\x01" + block.ljust(8_192, b"\xba")[6:]
    megabyte = block.ljust(8_192, b"\xba") * 128
    for number in range(150):
        yield megabyte if number else megabyte[8_192:]
    yield bytes(1_024)


def _zstd(window_log: int, data: Iterable[bytes]) -> bytes:
    parameters = zstandard.ZstdCompressionParameters.from_level(1, window_log=window_log)
    packer = zstandard.ZstdCompressor(compression_params=parameters).compressobj()
    return b"".join([*(packer.compress(piece) for piece in data), packer.flush()])


def test_a_window_that_is_too_wide_is_refused() -> None:
    """It would take as much memory."""
    with pytest.raises(ScanFailed, match="a window of more than"):
        read_layer([_zstd(27, [PLAIN])])


def test_memory_does_not_grow_with_the_layer(tmp_path: Path) -> None:
    """200 MB at most, Python and all, with the widest window of zstd."""
    file = tmp_path / "layer"
    file.write_bytes(_zstd(26, pieces()))
    done = subprocess.run([sys.executable, "-c", MEMORY, str(file)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    megabytes, read = map(int, done.stdout.split())
    assert read > 150 << 20
    assert megabytes < 200


def _many(path: str, data: bytes, number: int) -> Iterator[bytes]:
    for place in range(number):
        yield member(path.format(place), data=data)
    yield bytes(1_024)


@pytest.mark.parametrize(
    ("path", "data", "number"),
    [
        ("etc/ld.so.conf.d/{}.conf", b"/lib/x\n" * 9_000, 400),
        ("{}/torch/version.py", b"".join(b"a%02d='%02d'\n" % (name, name) for name in range(50)), 4_000),
    ],
    ids=["long texts", "many short texts, which take much more than they are long"],
)
def test_what_files_say_is_kept_within_bounds(path: str, data: bytes, number: int) -> None:
    """However many there are, and however much each says: the rest is left out with a note."""
    findings = read_layer(_many(path, data, number))
    assert findings.kept_bytes < 17 << 20
    assert any("left out" in note for note in findings.notes)


@pytest.mark.parametrize(
    ("path", "data"),
    [
        ("x-{}.dist-info/METADATA", b"A: b\n" * 13_000),
        ("libx{}.so", b"\x7fELF\x02\x01" + b"CCOB\x02\0\0\0\0\0\0\0x\x9c" * 400_000),
        ("libx{}.so", b"\x7fELF\x02\x01" + b"__CLANG_OFFLOAD_BUNDLE__\x01" * 200_000),
        ("libx{}.so", b"\x7fELF\x02\x01" + b"\x50\xed\x55\xba" * 500_000),
    ],
    ids=["metadata", "compressed bundles", "bundles", "containers"],
)
def test_files_that_keep_their_readers_busy(path: str, data: bytes) -> None:
    """Each is read at some megabytes a second at least."""
    begin = time.process_time()
    assert not read_layer(_many(path, data, 1)).files
    assert time.process_time() - begin < 3
