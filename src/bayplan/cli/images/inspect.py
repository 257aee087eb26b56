"""`bayplan images inspect`: shows the inspection of an image in its registry, and stores it for an image of the catalogue."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from bayplan.cli.images._options import RegistryPasswordStdin, RegistryUser, registry_credentials
from bayplan.cli.options import TABLE, Output, Server, UsageError
from bayplan.errors import BayplanError, Invalid, NotFound

if TYPE_CHECKING:
    from bayplan.client import Client
    from bayplan.schemas.docker import ExpandedImageAnswer
    from bayplan.schemas.inspection import InspectionAnswer


def inspect(
    words: Annotated[
        list[str],
        typer.Argument(
            metavar="IMAGE|REFERENCE",
            help="An image of the catalogue, or what `docker pull` takes.",
            show_default=False,
        ),
    ],
    store: Annotated[
        bool, typer.Option("--store", help="Inspect an image of the catalogue, and store the result.")
    ] = False,
    registry_username: RegistryUser = None,
    registry_password_stdin: RegistryPasswordStdin = False,
    server: Server = None,
    output_format: Output = TABLE,
) -> None:
    """Show what an image says about itself in its registry.

    For an image of the catalogue, it shows the stored inspection; with --store it inspects the image now and stores the result.
    For any other reference, it inspects the image now and stores nothing.
    """
    from bayplan.cli import connection, output
    from bayplan.cli.images import _inspection_view as inspection_view

    text = " ".join(words).strip()
    with connection.connect(server) as client:
        image = _image_in_catalogue(client, words)
        if image is None:
            if store:
                raise Invalid(
                    f"{text} is not in the catalogue, which could store it; `bayplan images add {text}` adds it."
                )
            credentials = registry_credentials(registry_username, registry_password_stdin)
            with output.working(f"Asking for {text}"):
                inspection = _inspect(client, text, credentials)
        elif registry_username is not None:
            raise UsageError(
                "An image of the catalogue is inspected with its own credentials: change them with `bayplan images edit`."
            )
        elif store:
            with output.working(f"Asking for {image['url']}"):
                inspection = client.images.store_inspection(image["pk"])
        else:
            try:
                inspection = client.images.inspection(image["pk"])
            except NotFound as error:
                raise NotFound(
                    f"{image['name']} {image['version']} was not inspected yet: add --store to inspect it now.",
                    code=error.code,
                ) from None
    return output.render(inspection, output_format, view=lambda answer: inspection_view.show_inspection(answer, image))


def _inspect(client: "Client", reference: str, credentials: Mapping[str, str | None]) -> "InspectionAnswer":
    from bayplan.domain.reference import Reference

    try:
        return client.images.inspect(
            reference, username=credentials.get("registry_username"), password=credentials.get("registry_password")
        )
    except BayplanError as error:
        if not Reference.parse(reference).names_registry:  # it may be the name of an image of the catalogue
            error.detail += f" Nor is there an image {reference!r} in the catalogue."
        raise


def _image_in_catalogue(client: "Client", words: Sequence[str]) -> "ExpandedImageAnswer | None":
    """The image of the catalogue with that key, name or reference; None where the words can only be a reference.

    Raises `NotFound`, and `Invalid` where they are no reference either.
    """
    from bayplan.cli import lookup
    from bayplan.domain.reference import Reference

    text = " ".join(words).strip()
    try:
        return lookup.image(client, words)
    except NotFound:
        if text.isdigit() or len(words) > 1:
            raise
        Reference.parse(text)
        return None
