"""What a wheel says of its build: the kernels of its libraries, its CUDA and its PTX compiler."""

import hashlib
import json
import re
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from functools import cached_property
from pathlib import Path

from bayplan.scan.fatbin import FatbinContents, read_fatbins
from bayplan.scan.library_kernels import library_kernels

CHUNK_BYTES = 1 << 22
_SHARED_OBJECT = re.compile(r"[^/]+\.so(?:\.[0-9.]+)?", re.ASCII)
_SMALLEST_BYTES = 20_000
_FILE_OF_A_CUDA = re.compile(r"libbitsandbytes_cuda([0-9]{2})([0-9])(?:_nocublaslt)?\.so", re.ASCII)
_CUDA_FILES: Mapping[str, str] = {
    "torch/version.py": r"^cuda\b[^=]*= '([0-9.]+)'",
    "tensorflow/python/platform/build_info.py": r"'cuda_version', '([0-9.]+)'",
    "onnxruntime/capi/build_and_package_info.py": r"^cuda_version = '([0-9.]+)'",
    "xformers/cpp_lib.json": r'"cuda": "?([0-9]+)"?',
}
"""Files that name the CUDA release of the build, and where in them."""
_PTXAS_RELEASE = re.compile(rb"Cuda compilation tools, release ([0-9]+\.[0-9]+), V")
_PTXAS_OVERLAP = 64


@dataclass(frozen=True, eq=False)
class WheelReading:
    """One wheel: its name, hash, version and architecture, and what was read from it. Compared by identity.

    Of the fat binaries it has what is in each file, not what follows from it: that may change without reading again.
    """

    wheel: str
    sha256: str
    project: str
    version: str
    architecture: str
    cuda: str
    files: Mapping[str, FatbinContents]
    ptxas: str
    requires: Mapping[str, str]
    """The exact versions of other libraries that it asks for: {"torch": "2.9.1", "triton": "3.5.1"}."""

    @cached_property
    def kernels(self) -> Mapping[str, tuple[str, ...]]:
        """The kernels of its libraries by CUDA release; "" is for a wheel that is one build, of the release in `cuda`."""
        builds: dict[str, dict[str, FatbinContents]] = {}
        for path, contents in self.files.items():
            own = _FILE_OF_A_CUDA.search(path)
            builds.setdefault(f"{own[1]}.{own[2]}" if own else "", {})[path] = contents
        return {release: kernels for release, files in sorted(builds.items()) if (kernels := library_kernels(files))}


def read_wheel(path: Path, project: str, version: str, architecture: str) -> WheelReading:
    """Reads a wheel, file by file, in chunks."""
    with zipfile.ZipFile(path) as archive:
        contents: dict[str, FatbinContents] = {}
        releases = []
        cuda, requires = "", dict[str, str]()
        for entry in archive.infolist():
            name = entry.filename.rsplit("/", 1)[-1]
            if name.startswith("ptxas"):
                releases += _ptxas_releases(archive, entry)
            elif entry.filename in _CUDA_FILES:
                cuda = cuda or _cuda_in(archive.read(entry).decode(errors="replace"), _CUDA_FILES[entry.filename])
            elif entry.filename.endswith(".dist-info/METADATA"):
                requires = _exact_requirements(archive.read(entry).decode(errors="replace"))
            elif _SHARED_OBJECT.fullmatch(name) and entry.file_size >= _SMALLEST_BYTES:
                found = read_fatbins(_chunks(archive, entry), entry.file_size)
                if found.targets:
                    contents[entry.filename] = found
    return WheelReading(
        wheel=path.name,
        sha256=_sha256(path),
        project=project,
        version=version,
        architecture=architecture,
        cuda=cuda,
        files=contents,
        ptxas=max(releases, key=lambda text: tuple(map(int, text.split("."))), default=""),
        requires=requires,
    )


def to_json(reading: WheelReading) -> str:
    """One line for the file of readings."""
    files = {path: {"containers": found.containers, **found.targets} for path, found in sorted(reading.files.items())}
    return json.dumps({field.name: getattr(reading, field.name) for field in fields(reading)} | {"files": files})


def from_json(line: str) -> WheelReading:
    """The reading in a line of that file."""
    values = json.loads(line)
    files = {path: FatbinContents(found, found.pop("containers")) for path, found in values["files"].items()}
    return WheelReading(**values | {"files": files})


def _chunks(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> Iterator[bytes]:
    with archive.open(entry) as file:
        while chunk := file.read(CHUNK_BYTES):
            yield chunk


def _ptxas_releases(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> list[str]:
    end = b""
    for chunk in _chunks(archive, entry):
        if match := _PTXAS_RELEASE.search(end + chunk):
            return [match[1].decode()]
        end = chunk[-_PTXAS_OVERLAP:]
    return []


def _cuda_in(text: str, pattern: str) -> str:
    match = re.search(pattern, text, re.MULTILINE)
    if match is None:
        return ""
    parts = match[1].split(".")
    if len(parts) == 1 and len(parts[0]) == len("1208"):  # xformers writes 1208 for 12.8
        parts = [parts[0][:2], str(int(parts[0][2:]))]
    return ".".join(parts[:2])


def _exact_requirements(metadata: str) -> dict[str, str]:
    head = metadata.split("\n\n", 1)[0]
    pattern = re.compile(r"^Requires-Dist: (torch|triton)\s*\(?\s*(?:==|~=)\s*([0-9][0-9.]*)", re.MULTILINE)
    return dict(pattern.findall(head))


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
