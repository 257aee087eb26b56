"""Parts of images that are made by code: fat binaries, ELF files with sections, layers, archives of engines."""

import gzip
import hashlib
import io
import json
import struct
import tarfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import zstandard

FATBINS = Path(__file__).parent / "fatbins"
"""Fat binaries that NVIDIA's programs made, see the script there."""


def entry(kind: int, capability: int, payload: bytes = b"code", flags: int = 0x11) -> bytes:
    """One entry of a container, with a header of 64 bytes."""
    padded = payload + bytes(-len(payload) % 8)
    header = struct.pack("<HHIQ", kind, 0x101, 64, len(padded)) + struct.pack("<IIHHI", 0, 0, 8, 1, capability)
    return header + bytes(8) + struct.pack("<Q", flags) + bytes(16) + padded


def container(*entries: bytes) -> bytes:
    """A container of entries."""
    body = b"".join(entries)
    return struct.pack("<IHHQ", 0xBA55ED50, 1, 16, len(body)) + body


def elf(sections: Sequence[tuple[str, bytes]]) -> bytes:
    """An ELF file for amd64 with these sections, whose table is at the end."""
    names, rows, body = b"\0", [bytes(64)], b""
    for name, contents in (*sections, (".shstrtab", b"")):
        data = contents
        if name == ".shstrtab":
            data = names + name.encode() + b"\0"
        body += bytes(-len(body) % 8)
        kind = 7 if name.startswith(".note") else 1
        rows.append(struct.pack("<IIQQQQIIQQ", len(names), kind, 2, 0, 64 + len(body), len(data), 0, 0, 4, 0))
        names += name.encode() + b"\0"
        body += data
    head = b"\x7fELF\x02\x01\x01" + bytes(9)
    head += struct.pack("<HHIQQQIHHHHHH", 3, 62, 1, 0, 0, 64 + len(body), 0, 64, 56, 0, 64, len(rows), len(rows) - 1)
    return head + body + b"".join(rows)


def elf_with_note(document: str) -> bytes:
    """A compat library whose note has that document, as NVIDIA's have it."""
    name, text = b"NVIDIA Corporation\0", document.encode() + b"\0"
    note = struct.pack("<III", len(name), len(text), 1) + name + bytes(-len(name) % 4) + text
    return elf(((".note.cuda.fwd_compatibility", note), (".text", bytes(5_000))))


def layer(files: Mapping[str, bytes | str | None], packing: str = "gzip") -> bytes:
    """A layer: contents by path, a text for a link's target, None for a folder."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for name, contents in files.items():
            member = tarfile.TarInfo(name)
            if contents is None:
                member.type = tarfile.DIRTYPE
            elif isinstance(contents, str):
                member.type, member.linkname = tarfile.SYMTYPE, contents
            else:
                member.size = len(contents)
            tar.addfile(member, io.BytesIO(contents) if isinstance(contents, bytes) else None)
    data = buffer.getvalue()
    if packing == "gzip":
        return gzip.compress(data, 1)
    return zstandard.ZstdCompressor().compress(data) if packing == "zstd" else data


def export(layers: Sequence[bytes], environment: Sequence[str] = (), form: str = "docker") -> bytes:
    """An engine's archive of an image: "docker" as Docker 20 writes it, "podman", or "oci" with nothing but a layout."""
    plain = [gzip.decompress(data) if data.startswith(b"\x1f\x8b") else data for data in layers]
    diff_ids = [f"sha256:{hashlib.sha256(data).hexdigest()}" for data in plain]
    config = json.dumps(
        {
            "architecture": "amd64",
            "config": {"Env": list(environment)},
            "rootfs": {"type": "layers", "diff_ids": diff_ids},
        }
    ).encode()
    config_hex = hashlib.sha256(config).hexdigest()
    files: dict[str, bytes] = {}
    if form == "oci":
        blobs = [*layers, config]
        digests = [hashlib.sha256(blob).hexdigest() for blob in blobs]
        descriptors = [{"digest": f"sha256:{digest}"} for digest in digests]
        manifest = json.dumps({"config": descriptors[-1], "layers": descriptors[:-1]}).encode()
        digest = hashlib.sha256(manifest).hexdigest()
        files = {f"blobs/sha256/{name}": blob for name, blob in zip(digests, blobs, strict=True)}
        files |= {f"blobs/sha256/{digest}": manifest}
        missing = {"digest": f"sha256:{'0' * 64}", "platform": {"architecture": "arm64"}}
        files["index.json"] = json.dumps({"manifests": [missing, {"digest": f"sha256:{digest}"}]}).encode()
    else:
        names = [
            f"{digest[7:]}.tar" if form == "podman" else f"{number:064x}/layer.tar"
            for number, digest in enumerate(diff_ids)
        ]
        files = dict(zip(names, plain, strict=True)) | {f"{config_hex}.json": config}
        files["manifest.json"] = json.dumps([{"Config": f"{config_hex}.json", "Layers": names}]).encode()
    return layer(files, "plain")
