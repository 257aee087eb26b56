"""Adds an image by its reference alone: fills in the facts from its registry, and asks a person for the other fields."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bayplan.cli import output, prompt
from bayplan.cli.images import _view as image_view
from bayplan.cli.options import OutputFormat
from bayplan.client import Client, exact
from bayplan.domain import image_draft
from bayplan.domain.reference import Reference
from bayplan.errors import BayplanError, Invalid

if TYPE_CHECKING:
    from bayplan.schemas.inspection import InspectionAnswer

Body = dict[str, Any]


@dataclass(frozen=True, slots=True)
class ImageDraft:
    """The image to add: its reference, and the fields from options, which go before the facts from its registry."""

    reference: str
    fields: Mapping[str, object]
    create_framework: bool


@dataclass(frozen=True, slots=True)
class MissingField:
    """A field that neither options nor facts have: its option, the question to a person, and the parser of the answer."""

    field: str
    option: str
    question: str
    parse: Callable[[str], object] = str


def add(client: Client, draft: ImageDraft, credentials: Mapping[str, str | None], output_format: OutputFormat) -> None:
    """Adds the image and stores its inspection.

    Raises `Invalid` naming every missing option where nobody can be asked: without a terminal, and where a program reads the answer.
    """
    reference = Reference.parse(draft.reference)
    with output.working(f"Asking {reference.registry}"):
        inspection = client.images.inspect(
            draft.reference,
            username=credentials.get("registry_username"),
            password=credentials.get("registry_password"),
        )
    facts = image_draft.common_facts(inspection["platforms"])
    filled: Body = {
        "url": draft.reference,
        **credentials,
        **image_draft.fields_from(reference, facts),
        **draft.fields,
    }
    without_cuda = image_draft.facts_without_cuda(facts)
    if without_cuda:
        filled["facts"] = without_cuda | filled.get("facts", {})
    new_framework = _fill_framework(client, facts, filled)
    if output_format.is_for_people:
        _show_inspection(inspection, facts)
    asks = sys.stdin.isatty() and not output_format.is_for_programs
    if new_framework is not None and _confirms_framework(new_framework, draft, asks=asks):
        filled["framework"] = new_framework
    if asks and not {"cpu", "cuda_version"} & filled.keys() and not _is_without_cuda(filled):
        filled["cpu"] = prompt.yes_or_no("Does it run without a GPU?")
    missing = list(_missing(client, filled, new_framework))
    if missing and not asks:
        options = ", ".join(missing_field.option for missing_field in missing)
        raise Invalid(f"Still needed: {options}. Nothing was added.")
    for missing_field in missing:
        filled[missing_field.field] = missing_field.parse(prompt.text(missing_field.question))
    added = _create(client, filled, new_framework)
    with output.working(f"Storing what {reference.registry} says"):
        try:
            client.images.store_inspection(added["pk"])
        except BayplanError as error:
            again = f"`bayplan images inspect {added['pk']} --store` repeats it"
            error.detail = f"The image was added as {added['pk']}, but its inspection failed ({again}): {error.detail}"
            raise
    sentence = f"Added {added['name']} {added['version']} as image {added['pk']}."
    return output.render(image_view.without_credentials(added), output_format, view=sentence, name=image_view.name)


def _is_without_cuda(filled: Body) -> bool:
    return image_draft.is_without_cuda(filled.get("facts", {}))


def _fill_framework(client: Client, facts: Body, filled: Body) -> str | None:
    """Fills in the framework that the image names; gives "NAME VERSION" where the catalogue does not have it."""
    name, version = facts.get("framework"), facts.get("framework_version")
    if "framework" in filled or name is None or version is None:
        return None
    releases = client.frameworks.list(exact("name", name, case_insensitive=True))
    release = image_draft.release_named(facts, releases)
    if release is not None:
        filled["framework"] = release["pk"]
        return None
    return f"{name} {version}"


def _confirms_framework(new_framework: str, draft: ImageDraft, *, asks: bool) -> bool:
    """Whether to add the framework, which the catalogue does not have: by the option, or by a person's answer."""
    if draft.create_framework or not asks:
        return draft.create_framework
    return prompt.yes_or_no(f"There is no {new_framework} in the catalogue yet. Add it?", default=True)


def _missing(client: Client, filled: Body, new_framework: str | None) -> Iterator[MissingField]:
    """Gives the fields that a person has to enter, in the order of the questions."""
    if "version" not in filled:
        yield MissingField("version", "--version VERSION", "Version")
    if "framework" not in filled:
        create = f" (or --create-framework: there is no {new_framework} yet)" if new_framework is not None else ""
        yield MissingField("framework", f"--framework 'NAME VERSION'{create}", "Framework, with its version")
    if "domain" not in filled:
        names = ", ".join(domain["name"] for domain in client.domains.list(order_by=("name",)))
        yield MissingField("domain", "--domain NAME", f"Domain ({names})")
    if "tasks" not in filled:
        yield MissingField("tasks", "--task TASK", "Tasks (train, predict, ...)", _split)
    if "licence" not in filled:
        yield MissingField("licence", "--licence NAME", "Licence (MIT, Apache-2.0, ...)")
    if filled.get("cpu") is not True and not _is_without_cuda(filled):
        if "cuda_version" not in filled:
            yield MissingField("cuda_version", "--cuda VERSION (or --cpu)", "CUDA release")
        if "min_hardware_generation" not in filled:
            yield MissingField("min_hardware_generation", "--min-generation NAME (or --cpu)", "Oldest GPU generation")


def _split(text: str) -> list[str]:
    return [word for part in text.split(",") for word in part.split()]


def _create(client: Client, filled: Body, new_framework: str | None) -> Any:
    """Adds the image, and before it the framework where that is new; gives the image. Both are added, or neither."""
    created = None
    if new_framework is not None and filled["framework"] == new_framework:
        name, _, version = new_framework.rpartition(" ")
        created = client.frameworks.create({"name": name, "version": version})
        filled["framework"] = created["pk"]
    try:
        return client.images.create(filled)
    except BayplanError:
        if created is not None:
            client.frameworks.delete(created["pk"])
        raise


def _show_inspection(inspection: InspectionAnswer, facts: Body) -> None:
    framework = f"{facts['framework']} {facts['framework_version']}" if "framework_version" in facts else None
    platforms = [
        "/".join(part for part in (platform["os"], platform["architecture"]) if part) or "an unknown platform"
        for platform in inspection["platforms"]
    ]
    output.show(
        output.fields(
            [
                ("found", inspection["reference"]),
                ("for", platforms),
                ("cuda", facts.get("cuda_version")),
                ("framework", framework),
                ("licence", facts.get("licence")),
            ]
        )
    )
