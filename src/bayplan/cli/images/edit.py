"""`bayplan images edit`: changes fields of an image."""

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
from bayplan.cli.options import TABLE, ImageWords, Output, Server, UsageError


@takes_image_facts()
def edit(
    image: ImageWords,
    name: Annotated[str | None, typer.Option(metavar="NAME", help="The image's new name.")] = None,
    version: Annotated[str | None, typer.Option(metavar="VERSION", help="The image's new version.")] = None,
    url: Annotated[str | None, Url] = None,
    registry: Registry = None,
    cuda: Cuda = None,
    min_generation: MinGeneration = None,
    cpu: Cpu = None,
    framework: Annotated[str | None, Framework] = None,
    domain: Annotated[str | None, DomainName] = None,
    task: Annotated[list[str] | None, Tasks] = None,
    licence: Annotated[str | None, LicenceName] = None,
    registry_username: RegistryUser = None,
    registry_password_stdin: RegistryPasswordStdin = False,
    *,
    server: Server = None,
    output_format: Output = TABLE,
    **facts: Any,
) -> None:
    """Change fields of an image, and facts about it."""
    from bayplan.cli import connection, lookup, output
    from bayplan.cli.images import _view as image_view

    options = {
        "name": name,
        "version": version,
        "url": url,
        "registry": registry,
        "cuda_version": cuda,
        "min_hardware_generation": min_generation,
        "cpu": cpu,
        "framework": framework,
        "domain": domain,
        "tasks": task,
        "licence": licence,
        "facts": entered(facts) or None,
    }
    changes = body(options) | registry_credentials(registry_username, registry_password_stdin)
    if not changes:
        raise UsageError("Write what to change, as in `--cuda 12.4.1`: --help lists all options.")
    with connection.connect(server) as client:
        changed = client.images.update(lookup.image(client, image)["pk"], changes)
    sentence = f"Changed {', '.join(sorted(changes))} of {changed['name']} {changed['version']}."
    return output.render(image_view.without_credentials(changed), output_format, view=sentence, name=image_view.name)
