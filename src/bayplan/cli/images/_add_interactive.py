"""Adding an image by its reference alone: what its registry says is filled in, and a person is asked for the rest."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import typer

from bayplan.cli import output
from bayplan.client import Client, exact
from bayplan.domain.reference import Reference
from bayplan.errors import BayplanError, Invalid

if TYPE_CHECKING:
    from bayplan.schemas.inspection import InspectionAnswer

Body = dict[str, Any]


@dataclass(frozen=True, slots=True)
class ImageDraft:
    """The image to add: its reference, and the fields that were given, which go before what is found."""

    reference: str
    given: Mapping[str, object]
    create_framework: bool


@dataclass(frozen=True, slots=True)
class MissingOptions:
    """A field that the image says nothing of: the option for it, what a person is asked, and how the answer is read."""

    field: str
    option: str
    question: str
    read: Callable[[str], object] = str


def add(client: Client, wanted: ImageDraft, login: Mapping[str, str | None], *, as_json: bool) -> None:
    """Adds the image and stores what its registry says.

    Raises `Invalid` naming every option that is missing where there is no terminal to ask at.
    """
    reference = Reference.parse(wanted.reference)
    with output.working(f"Asking {reference.registry}"):
        found = client.images.inspect(
            wanted.reference, username=login.get("registry_username"), password=login.get("registry_password")
        )
    told = said_alike(found)
    filled: Body = {"url": wanted.reference, "registry": reference.registry, **login, **_named(reference)}
    filled |= {field: told[field] for field in ("cuda_version", "licence") if field in told}
    filled |= wanted.given
    new_framework = _fill_framework(client, told, filled)
    if not as_json:
        _show_found(found, told)
    if new_framework is not None and _agreed(new_framework, wanted):
        filled["framework"] = new_framework
    if sys.stdin.isatty() and not {"cpu", "cuda_version"} & filled.keys():
        filled["cpu"] = typer.confirm("Does it run without a GPU?")
    missing = list(_missing(client, filled, new_framework))
    if missing and not sys.stdin.isatty():
        options = ", ".join(one.option for one in missing)
        raise Invalid(f"The image does not say all that the catalogue wants to know; add {options}. Nothing was added.")
    for one in missing:
        filled[one.field] = one.read(typer.prompt(one.question))
    added = _create(client, filled, new_framework)
    with output.working(f"Storing what {reference.registry} says"):
        try:
            client.images.store_inspection(added["pk"])
        except BayplanError as error:
            again = f"`bayplan images inspect {added['pk']} --store` does it again"
            error.detail = (
                f"The image was added as {added['pk']}, without what its registry says ({again}): {error.detail}"
            )
            raise
    if as_json:
        return output.show_json(added)
    return typer.echo(f"Added {added['name']} {added['version']} as image {added['pk']}.")


def said_alike(found: InspectionAnswer) -> Body:
    """The value of each fact that no two platforms tell differently."""
    values: dict[str, list[Any]] = {}
    for platform in found["platforms"]:
        for name, fact in platform["facts"].items():
            values.setdefault(name, []).append(fact["value"])
    return {name: told[0] for name, told in values.items() if all(value == told[0] for value in told)}


def _named(reference: Reference) -> Body:
    """Name and version as the reference has them; without a tag there is no version."""
    name = {"name": reference.repository.rpartition("/")[2]}
    return name if reference.tag is None else name | {"version": reference.tag}


def _fill_framework(client: Client, told: Body, filled: Body) -> str | None:
    """Fills in the catalogue's framework that the image names; gives the framework's name where the catalogue has none."""
    name, version = told.get("framework"), told.get("framework_version")
    if "framework" in filled or name is None or version is None:
        return None
    known = client.frameworks.list(exact("name", name, case_insensitive=True))
    for same in (version, version.partition("+")[0]):  # a build such as 2.4.0+cu124 is a 2.4.0
        for one in known:
            if one["version"] == same:
                filled["framework"] = one["pk"]
                return None
    return f"{name} {version}"


def _agreed(new_framework: str, wanted: ImageDraft) -> bool:
    """Whether the framework that the catalogue does not have is to be added."""
    if wanted.create_framework or not sys.stdin.isatty():
        return wanted.create_framework
    agreed: bool = typer.confirm(f"There is no {new_framework} in the catalogue yet. Add it?", default=True)
    return agreed


def _missing(client: Client, filled: Body, new_framework: str | None) -> Iterator[MissingOptions]:
    """What is to be asked for, in the order of asking."""
    if "version" not in filled:
        yield MissingOptions("version", "--version VERSION", "Version")
    if "framework" not in filled:
        create = f" (or --create-framework: there is no {new_framework} yet)" if new_framework is not None else ""
        yield MissingOptions("framework", f"--framework 'NAME VERSION'{create}", "Framework, with its version")
    if "domain" not in filled:
        names = ", ".join(one["name"] for one in client.domains.list(order_by=("name",)))
        yield MissingOptions("domain", "--domain NAME", f"Domain ({names})")
    if "tasks" not in filled:
        yield MissingOptions("tasks", "--task TASK", "Tasks (train, predict, ...)", _words)
    if "licence" not in filled:
        yield MissingOptions("licence", "--licence NAME", "Licence (MIT, Apache-2.0, ...)")
    if filled.get("cpu") is not True:
        if "cuda_version" not in filled:
            yield MissingOptions("cuda_version", "--cuda VERSION (or --cpu)", "CUDA release")
        if "min_hardware_generation" not in filled:
            yield MissingOptions("min_hardware_generation", "--min-generation NAME (or --cpu)", "Oldest GPU generation")


def _words(text: str) -> list[str]:
    return [word for part in text.split(",") for word in part.split()]


def _create(client: Client, filled: Body, new_framework: str | None) -> Any:
    """The image as it was added, with its framework where that is a new one; neither stays without the other."""
    made = None
    if new_framework is not None and filled["framework"] == new_framework:
        name, _, version = new_framework.rpartition(" ")
        made = client.frameworks.create({"name": name, "version": version})
        filled["framework"] = made["pk"]
    try:
        return client.images.create(filled)
    except BayplanError:
        if made is not None:
            client.frameworks.delete(made["pk"])
        raise


def _show_found(found: InspectionAnswer, told: Body) -> None:
    framework = f"{told['framework']} {told['framework_version']}" if "framework_version" in told else None
    platforms = [f"{one['os']}/{one['architecture']}" for one in found["platforms"]]
    output.show(
        output.fields(
            [
                ("found", found["reference"]),
                ("for", platforms),
                ("cuda", told.get("cuda_version")),
                ("framework", framework),
                ("licence", told.get("licence")),
            ]
        )
    )
