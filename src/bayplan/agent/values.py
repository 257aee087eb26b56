"""The values of a GPU's properties, whichever source they are from: an error in a value's place, and a value of no sense, are none.

nvidia-smi prints NVML's errors where a value belongs, with brackets or without, by its version. NVML itself gives values of no
sense at times, under WSL above all. Such a property stays open (None), and everything else counts.
"""

import re

from bayplan.agent.hardware import brand as brand_of
from bayplan.domain.names import canonical_name
from bayplan.errors import Invalid

_LONGEST_TEXT = 200  # of what the server takes
_LEAST_MEMORY_BYTES, _MOST_MEMORY_BYTES = 64 * 1024**2, 16 * 1024**4
_HIGHEST_MAJOR = 49  # 12 in 2026, at about one in a year
_HIGHEST_BRANCH = 1999  # 610 in 2026, at about 35 in a year
# As `domain.versions` reads it, which takes long to load; a test holds both against each other.
_DRIVER = re.compile(r"([0-9]{1,6})(?:\.[0-9]{1,6}){0,3}")
_CUDA = re.compile(r"(\d{1,2})\.\d{1,2}")
_SLICE_UUID = re.compile(r"MIG-[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|MIG-GPU-[0-9a-f-]{36}/\d{1,2}/\d{1,2}")
_PROFILE = re.compile(r"(?:\dc\.)?\dg\.\d{1,3}gb(?:[+-][a-z0-9.+-]{1,16})?")
_MOST_INSTANCES = 16
_REPLACEMENT = "\N{REPLACEMENT CHARACTER}"

# NVML's errors (`nvmlErrorString`) as nvidia-smi prints them, in lower case; a text in square brackets is always an error.
_GPU_FAILED = re.compile(
    r"(?:the )?gpu (?:is|was|has|not|requires?|access|lost|fell|needs?|in|recovery|reset)\b.*|reset required|requires? reset"
)
_NO_VALUE = re.compile(
    r"|n/?a|nan|none|null|\(null\)|(?:err|error|no|not|invalid|insufficient|unknown|driver|corrupted|failed|unable|cannot|"
    r"requested|requires?|function|nvml|rm|interrupt|argument|operating|the operating|already|frequency|reset|deprecated|"
    r"uninitialized|time-?out|in use|permission|vgpu ecc)\b.*"
)


def is_error(text: str) -> bool:
    """Whether a text is an error in the place of a value, or nothing at all."""
    word = _word(text)
    return text.strip().startswith("[") or says_that_gpu_failed(text) or _NO_VALUE.fullmatch(word) is not None


def says_that_gpu_failed(text: str) -> bool:
    """Whether a text says that the whole GPU does not answer ("GPU is lost"), and not one property alone."""
    return _GPU_FAILED.fullmatch(_word(text)) is not None


def _word(text: str) -> str:
    return " ".join(text.split()).strip("[]").strip(" !.").casefold()


def printable(text: str, *, most: int = 300) -> str:
    """Gives the beginning of a text on one line, for a sentence, without characters that could steer a terminal."""
    beginning = text.lstrip()[: 10 * most]  # nvidia-smi may print without end
    return " ".join("".join(letter if letter.isprintable() else " " for letter in beginning).split())[:most].rstrip(".")


def line(text: str | bytes | None) -> str | None:
    """Gives a name in its one form; None for one that the server does not take, and for one that is no UTF-8."""
    if isinstance(text, bytes):
        text = text.decode(errors="replace")
    try:
        name = canonical_name((text or "").strip())
    except Invalid:
        return None
    return None if len(name) > _LONGEST_TEXT or _REPLACEMENT in name else name


def value(text: str | bytes | None) -> str | None:
    """Gives a name, as `line` does; None for an error in its place, too."""
    name = line(text)
    return None if name is None or is_error(name) else name


def brand(text: str | None) -> str | None:
    """Gives a brand in its one spelling."""
    name = value(text)
    return None if name is None else brand_of(name)


def driver_version(text: str | bytes | None) -> str | None:
    """Gives a driver's version ("550.54.15")."""
    name = line(text)
    match = None if name is None else _DRIVER.fullmatch(name)
    return name if match is not None and 0 < int(match.group(1)) <= _HIGHEST_BRANCH else None


def memory_bytes(number: object) -> int | None:
    """Gives a GPU's memory, between 64 MiB and 16 TiB."""
    return number if isinstance(number, int) and _LEAST_MEMORY_BYTES <= number <= _MOST_MEMORY_BYTES else None


def compute_capability(major: object, minor: object) -> str | None:
    """Gives a compute capability ("8.6")."""
    if not isinstance(major, int) or not isinstance(minor, int):
        return None
    return f"{major}.{minor}" if 1 <= major <= _HIGHEST_MAJOR and 0 <= minor <= 9 else None


def cuda_version(answer: object) -> str | None:
    """Gives a release of CUDA ("12.8") from NVML's number (12080) or a text."""
    if isinstance(answer, int):
        answer = f"{answer // 1000}.{answer % 1000 // 10}"
    match = _CUDA.fullmatch(answer.strip()) if isinstance(answer, str) else None
    return None if match is None or int(match.group(1)) == 0 else match.group()


def device_uuid(text: str | bytes | None) -> str | None:
    """Gives the UUID of a slice, in its form of today or of drivers before 470 ("MIG-GPU-.../1/0")."""
    name = line(text)
    return name if name is not None and _SLICE_UUID.fullmatch(name) else None


def is_instance(number: object) -> bool:
    """Whether this is the id of a GPU instance or of a compute instance."""
    return isinstance(number, int) and not isinstance(number, bool) and 0 <= number < _MOST_INSTANCES


def mig_profile(text: str) -> str | None:
    """Gives the profile of a slice ("1g.10gb", "1c.2g.20gb", "1g.10gb+me")."""
    return text if _PROFILE.fullmatch(text) else None
