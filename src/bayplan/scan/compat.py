"""The forward-compatibility libraries in an image, and how they come before the driver's."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from bayplan.scan.image import ImageFiles

_FILE = re.compile(
    r"(?P<folder>(?:.*/)?compat(?:/[^/]+)?)/libcuda\.so\.(?P<driver>\d{3,4}(?:\.\d{1,4}){1,2})", re.ASCII
)
_CUDA_IN_FOLDER = re.compile(r"usr/local/cuda-(\d{1,3}\.\d{1,2})/.*", re.ASCII)
_PACKAGE = re.compile(r"cuda-compat-(\d{1,3})-(\d{1,3})", re.ASCII)
_TOOLKIT_FOLDER = "usr/local/cuda/compat"
_FOLDER_OF_ENTRY_POINT = "compat/lib"


@dataclass(frozen=True, slots=True)
class CompatFiles:
    """The libraries of the newest driver in an image: their folder, driver, CUDA, and the driver branches that they name."""

    path: str
    folder: str
    driver: str
    cuda: str | None
    drivers: tuple[int, ...] | None


def compat_files(image: ImageFiles) -> CompatFiles | None:
    """Gives the libraries, None where the image has none (any more: NGC moves them, and an empty folder may stay)."""
    candidates = []
    for path, finding in image.of_kind("driver"):
        if match := _FILE.fullmatch(path):
            number = tuple(int(part) for part in match["driver"].split("."))
            candidates.append((number, path, match, finding))
    if not candidates:
        return None
    _, path, match, finding = max(candidates, key=lambda candidate: candidate[0])
    drivers = finding.get("note_drivers")
    cuda = finding.get("note_cuda") or _cuda_of(image, path)
    return CompatFiles(path, match["folder"], match["driver"], cuda, tuple(drivers) if drivers else None)


def _cuda_of(image: ImageFiles, path: str) -> str | None:
    """The CUDA of the package, else of the folder."""
    names = {name for _, finding in image.of_kind("dpkg") for name in finding["dpkg"]}
    releases = {f"{match[1]}.{match[2]}" for name in names if (match := _PACKAGE.fullmatch(name))}
    if len(releases) == 1:
        return releases.pop()
    match = _CUDA_IN_FOLDER.fullmatch(image.resolve(path))
    return match[1] if match else None


def compat_activation(
    image: ImageFiles, files: CompatFiles, environment: Mapping[str, str] | None
) -> tuple[str, str] | None:
    """Gives the activation and the file or variable that says so; None where that depends on the configuration, which is not at hand.

    The order is that of the configuration's own reading: a loader's path to the libraries themselves, an entry point that tests them
    (NGC makes `compat/lib` there, and its file in `ld.so.conf.d` was made and emptied in the build), the container toolkit.
    """
    folders = {image.resolve(files.folder), files.folder}

    def is_compat(folder: str) -> bool:
        path = folder.strip().strip("/")
        return (
            bool(path)
            and not path.endswith(_FOLDER_OF_ENTRY_POINT)
            and (path in folders or image.resolve(path) in folders)
        )

    if environment is not None:
        for folder in environment.get("LD_LIBRARY_PATH", "").split(":"):
            if is_compat(folder):
                return "always", f"env LD_LIBRARY_PATH and {files.path}"
        if "_CUDA_COMPAT_PATH" in environment:
            return "entrypoint", f"env _CUDA_COMPAT_PATH and {files.path}"
    for path, finding in image.of_kind("loader"):
        lines = (line.partition("#")[0] for line in str(finding["text"]).splitlines())
        if any(is_compat(line) for line in lines):
            return "always", path
    entry = next((path for path, _ in image.of_kind("entry")), None)
    if entry is not None:
        return "entrypoint", entry
    if environment is not None and image.resolve(_TOOLKIT_FOLDER) in folders:
        return "toolkit", files.path
    return None
