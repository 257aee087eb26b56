"""What this machine has pulled because it is to hold it: kept beside the credential, so that nothing else is ever removed.

An image is entered before its pull begins and only where the engine does not have it yet; so one that is here when the pull was
cut off, or its end was never written down, is known as ours all the same.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from bayplan.agent.credential import write_whole
from bayplan.errors import Invalid


@dataclass(frozen=True, slots=True)
class OwnedImage:
    """An image that was pulled here: by which reference (with its digest), its key at the server that wanted it, by which engine."""

    reference: str
    image: int
    engine: str


@dataclass(frozen=True, slots=True)
class OwnedImages:
    """What the engine has pulled, by reference; how much images take that there was no room for, by reference; what others have."""

    server: str
    own: Mapping[str, OwnedImage]
    sizes: Mapping[str, int]
    elsewhere: Sequence[OwnedImage] = ()  # by another engine: not forgotten for being absent in this one


def beside(credential: Path) -> Path:
    """Gives the file that belongs to a credential's."""
    return credential.with_name(f"{credential.stem}-images{credential.suffix}")


def read(path: Path, server: str, engine: str) -> OwnedImages:
    """Gives what is kept of an engine, nothing where there is no file; raises `Invalid` for one that cannot be read.

    Another server knows the images by other keys: what was pulled for the one before is known by its reference alone.
    """
    try:
        content: Any = json.loads(path.read_bytes())
        same = content["server"] == server
        all_own = [OwnedImage(one["reference"], one["image"] if same else 0, one["engine"]) for one in content["own"]]
        own = {one.reference: one for one in all_own if one.engine == engine}
        return OwnedImages(server, own, dict(content["sizes"]), [one for one in all_own if one.engine != engine])
    except FileNotFoundError:
        return OwnedImages(server, {}, {})
    except OSError as error:
        raise Invalid(f"{path} cannot be read: {error.strerror}. Until then no image is pulled or removed.") from None
    except (ValueError, TypeError, KeyError):
        raise Invalid(
            f"{path} cannot be understood, so it is not known which images were pulled because of rules. Remove it: then those "
            "that are here stay for good."
        ) from None


def is_any(path: Path, server: str) -> bool:
    """Whether anything was pulled, by whichever engine; raises as `read` does."""
    return bool(read(path, server, "").elsewhere)


def write(path: Path, kept: OwnedImages) -> None:
    """Keeps it, whole or not at all; raises `Invalid`."""
    content = {
        "server": kept.server,
        "own": [asdict(one) for one in (*kept.own.values(), *kept.elsewhere)],
        "sizes": dict(kept.sizes),
    }
    try:
        write_whole(path, json.dumps(content, indent=2))
    except OSError as error:
        raise Invalid(
            f"Which images were pulled cannot be kept in {path.parent} ({error.strerror}), so none is pulled or removed."
        ) from None


def only(kept: Mapping[str, int], references: Iterable[str]) -> dict[str, int]:
    """Gives the part of the sizes that is about these references."""
    wanted = set(references)
    return {reference: size for reference, size in kept.items() if reference in wanted}
