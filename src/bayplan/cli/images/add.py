"""`bayplan images add`: adds an image, from options alone or with the facts that its registry has."""

from typing import Annotated, Any

import typer

from bayplan.cli.images._fact_options import entered, takes_image_facts
from bayplan.cli.images._options import (
    Cpu,
    Cuda,
    DomainName,
    Framework,
    LicenceName,
    MinGeneration,
    Registry,
    RegistryPasswordStdin,
    RegistryUser,
    Tasks,
    Url,
    body,
    registry_credentials,
)
from bayplan.cli.options import TABLE, Output, Server, UsageError


@takes_image_facts()
def add(
    name: Annotated[
        str,
        typer.Argument(metavar="NAME|REFERENCE", help="The image's name, or its reference alone.", show_default=False),
    ],
    version: Annotated[
        str | None, typer.Argument(metavar="VERSION", help="The image's version, after its name.", show_default=False)
    ] = None,
    url: Annotated[str | None, Url] = None,
    named: Annotated[
        str | None,
        typer.Option("--name", metavar="NAME", help="With a reference: the image's name [default: from the reference]"),
    ] = None,
    versioned: Annotated[
        str | None,
        typer.Option("--version", metavar="VERSION", help="With a reference: the image's version [default: the tag]"),
    ] = None,
    framework: Annotated[str | None, Framework] = None,
    create_framework: Annotated[
        bool, typer.Option("--create-framework", help="Add the image's framework if the catalogue lacks it.")
    ] = False,
    domain: Annotated[str | None, DomainName] = None,
    task: Annotated[list[str] | None, Tasks] = None,
    licence: Annotated[str | None, LicenceName] = None,
    registry: Registry = None,
    cuda: Cuda = None,
    min_generation: MinGeneration = None,
    cpu: Cpu = None,
    registry_username: RegistryUser = None,
    registry_password_stdin: RegistryPasswordStdin = False,
    *,
    server: Server = None,
    output_format: Output = TABLE,
    **facts: Any,
) -> None:
    """Add an image, by its reference or by name and version.

    With a reference alone, it inspects the image, and asks for what the image does not say. Options take precedence over
    what the image says. With a name and a version, give the rest by options.
    """
    from bayplan.cli import connection, output
    from bayplan.cli.images import _add_interactive as add_interactive
    from bayplan.cli.images import _view as image_view
    from bayplan.domain.reference import Reference

    options = {
        "cuda_version": cuda,
        "min_hardware_generation": min_generation,
        "cpu": cpu,
        "framework": framework,
        "domain": domain,
        "tasks": task,
        "licence": licence,
        "facts": entered(facts) or None,
    }
    if version is None:
        if url is not None or registry is not None:
            raise UsageError(
                "A reference says where the image is: leave out --url and --registry, or write NAME VERSION."
            )
        draft = add_interactive.ImageDraft(
            name, body({"name": named, "version": versioned, **options}), create_framework=create_framework
        )
        credentials = registry_credentials(registry_username, registry_password_stdin)
        with connection.connect(server) as client:
            return add_interactive.add(client, draft, credentials, output_format)
    if named is not None or versioned is not None or create_framework:
        raise UsageError("--name, --version and --create-framework need a reference in place of NAME VERSION.")
    needed = {"--url": url, "--framework": framework, "--domain": domain, "--task": task, "--licence": licence}
    missing = [option for option, value in needed.items() if not value]
    if url is None or missing:
        raise UsageError(
            f"Missing {', '.join(missing)}. Or write a reference alone, and bayplan reads the rest from its registry."
        )
    where = {"name": name, "version": version, "url": url, "registry": registry or Reference.parse(url).registry}
    credentials = registry_credentials(registry_username, registry_password_stdin)
    with connection.connect(server) as client:
        added = client.images.create(where | body(options) | credentials)
    sentence = f"Added {name} {version} as image {added['pk']}."
    return output.render(image_view.without_credentials(added), output_format, view=sentence, name=image_view.name)
