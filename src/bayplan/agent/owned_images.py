"""The file of the images that the agent has pulled: beside the credential, so that no other image is ever removed.

An image is entered before its pull begins, and only where the engine does not have it yet, so that it counts as owned also where
the pull, or the agent, was cut off.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from bayplan.agent.credential import write_whole
from bayplan.errors import Invalid


@dataclass(frozen=True, slots=True)
class OwnedImage:
    """An image that was pulled here: its reference with the digest, its key at the server, and the engine."""

    reference: str
    image: int
    engine: str


@dataclass(frozen=True, slots=True)
class TaggedImage:
    """An image that was given a tag: its reference with the digest, and the engine's key for it."""

    reference: str
    id: str


@dataclass(frozen=True, slots=True)
class OwnedImages:
    """The images pulled by one engine, the sizes of images that exceeded the disk budget, by reference, and other engines' images.

    `tags` has the image of each tag that was set.
    """

    server: str
    own: Mapping[str, OwnedImage]
    sizes: Mapping[str, int]
    elsewhere: Sequence[OwnedImage] = ()  # pulled by other engines: they stay in the file
    tags: Mapping[str, TaggedImage] = field(default_factory=dict)
    tags_elsewhere: Mapping[str, Mapping[str, TaggedImage]] = field(default_factory=dict)  # by engine


def beside(credential: Path) -> Path:
    """Gives the path of the file beside a credential's."""
    return credential.with_name(f"{credential.stem}-images{credential.suffix}")


def read(path: Path, server: str, engine: str) -> OwnedImages:
    """Reads the images of an engine, none where there is no file; raises `Invalid` for a file that cannot be read.

    Keys of images are those of one server: images that were pulled for another server get the key 0.
    """
    try:
        content: Any = json.loads(path.read_bytes())
        is_same_server = content["server"] == server
        images = [
            OwnedImage(entry["reference"], entry["image"] if is_same_server else 0, entry["engine"])
            for entry in content["own"]
        ]
        own = {image.reference: image for image in images if image.engine == engine}
        tags = {
            place: {tag: TaggedImage(entry["reference"], entry["id"]) for tag, entry in of_engine.items()}
            for place, of_engine in content.get("tags", {}).items()
        }
        elsewhere = [image for image in images if image.engine != engine]
        return OwnedImages(server, own, dict(content["sizes"]), elsewhere, tags.pop(engine, {}), tags)
    except FileNotFoundError:
        return OwnedImages(server, {}, {})
    except OSError as error:
        raise Invalid(
            f"{path} cannot be read: {error.strerror}. Until it can be read, no image is pulled or removed."
        ) from None
    except (ValueError, TypeError, KeyError, AttributeError):
        raise Invalid(
            f"{path} is damaged, so nobody knows which images were pulled because of rules. Remove it: the images that are here "
            "then stay for good."
        ) from None


def is_any(path: Path, server: str) -> bool:
    """Whether anything was pulled or tagged, by whichever engine; raises as `read` does."""
    owned = read(path, server, "")
    return bool(owned.elsewhere or owned.tags_elsewhere)


def write(path: Path, owned: OwnedImages, engine: str) -> None:
    """Writes the file whole or not at all; raises `Invalid`."""
    tags = {**owned.tags_elsewhere, engine: owned.tags}
    content = {
        "server": owned.server,
        "own": [asdict(image) for image in (*owned.own.values(), *owned.elsewhere)],
        "sizes": dict(owned.sizes),
        "tags": {
            place: {tag: asdict(image) for tag, image in of_engine.items()}
            for place, of_engine in tags.items()
            if of_engine
        },
    }
    try:
        write_whole(path, json.dumps(content, indent=2))
    except OSError as error:
        raise Invalid(
            f"The list of pulled images cannot be written to {path.parent} ({error.strerror}), so none is pulled or removed."
        ) from None


def only(sizes: Mapping[str, int], references: Iterable[str]) -> dict[str, int]:
    """Gives the sizes of these references."""
    names = set(references)
    return {reference: size for reference, size in sizes.items() if reference in names}
