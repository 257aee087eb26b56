"""Shows images, as a list or one with all its fields."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rich.text import Text

from bayplan.cli.output import MUTED, Column, count_of, fields, moment, show, table, words
from bayplan.domain.reference import located
from bayplan.errors import Invalid

if TYPE_CHECKING:
    from bayplan.schemas.docker import ExpandedImageAnswer, ImageAnswer
    from bayplan.schemas.frameworks import FrameworkAnswer
    from bayplan.schemas.lifecycle import LifecycleAnswer


def show_list(images: Sequence[ExpandedImageAnswer], existing: int | None = None) -> None:
    """Prints the images as a table, a line for each; `existing` is the number of images where the list was cut."""
    columns = (
        Column("pk", right=True),
        Column("image", gives_way=True),
        Column("framework", spare=1),
        Column("cuda"),
        Column("from gpu", spare=5),
        Column("domain", spare=4),
        Column("tasks", spare=3),
        Column("reference", spare=2),
        Column("without gpu", wide=True),
        Column("licence", wide=True),
        Column("added", wide=True),
    )
    rows = [
        (
            image["pk"],
            named(image["name"], image["version"]),
            framework(image["framework"]),
            cuda(image),
            generation(image),
            image["domain"],
            image["tasks"],
            reference(image),
            image["cpu"],
            image["licence"]["name"] if image["licence"] else None,
            moment(image["creation_time"]),
        )
        for image in images
    ]
    if not rows:
        return show(Text("No images.", style=MUTED))
    return show(table(columns, rows), Text(count_of(len(rows), existing, "image"), style=MUTED))


def show_one(image: ExpandedImageAnswer, state: Text, deprecated: str | None) -> None:
    """Prints all fields of an image, its state in its registry and its deprecation; of a password only that there is one."""
    licence, creator = image["licence"], image["creator"]
    username = image["registry_username"]
    show(
        fields(
            [
                ("image", named(image["name"], image["version"])),
                ("pk", image["pk"]),
                ("url", image["url"]),
                ("registry", image["registry"]),
                ("in registry", state),
                *([("deprecated", deprecated)] if deprecated is not None else []),
                ("credentials", f"{username}, with a password" if username else None),
                ("framework", framework(image["framework"])),
                ("cuda", cuda(image)),
                ("oldest gpu", generation(image)),
                ("without gpu", image["cpu"]),
                ("domain", image["domain"]),
                ("tasks", image["tasks"]),
                ("licence", licence["name"] if licence else None),
                ("added", f"{moment(image['creation_time'])} by {creator['username'] if creator else 'nobody'}"),
                ("deleted", moment(image["deletion_time"]) if image["deletion_time"] else None),
            ]
        )
    )


def deprecation(lifecycle: LifecycleAnswer, successor: ExpandedImageAnswer | None) -> str | None:
    """Since when and why an image is deprecated, and what to use instead; None where it is not."""
    if not lifecycle["deprecated"]:
        return None
    why = f": {lifecycle['why']}" if lifecycle["why"] else ""
    instead = f"; use {name(successor)}" if successor is not None else ""
    return words(f"since {lifecycle['since']}{why.rstrip('.')}{instead}")


def name(image: Mapping[str, Any]) -> str:
    """The name of an image as one word, which every command takes."""
    return f"{image['name']}:{image['version']}"


def without_credentials(image: ImageAnswer) -> ImageAnswer:
    """An answer to a write without the registry's credentials."""
    return {**image, "registry_username": None, "registry_password": None}


def named(name: str, version: str) -> Text:
    """The name of an image, and its version in bold."""
    return Text.assemble(words(name), " ", (words(version), "bold"))


def reference(image: ImageAnswer | ExpandedImageAnswer) -> str:
    """What `docker pull` takes for an image; its url where that cannot be read."""
    try:
        return located(image["url"], image["registry"]).familiar
    except Invalid:  # stored before such were refused
        return words(image["url"])


def framework(release: FrameworkAnswer | None) -> str:
    """The name and version of a framework."""
    return f"{release['name']} {release['version']}" if release else "-"


def cuda(image: ExpandedImageAnswer) -> str:
    """The CUDA release in an image."""
    return image["cuda_version"]["full_version"] if image["cuda_version"] else "-"


def generation(image: ExpandedImageAnswer) -> str:
    """The oldest generation of GPUs that an image runs on."""
    return image["min_hardware_generation"]["generation"] if image["min_hardware_generation"] else "-"
