"""`bayplan images ...`: the images of the catalogue, one command for each thing that is done with them."""

from enum import StrEnum
from typing import Annotated

import typer

from bayplan.cli.images import add as adding
from bayplan.cli.images import docker_config, facts
from bayplan.cli.images import inspect as inspecting
from bayplan.cli.images import verify as verifying
from bayplan.cli.images.options import (
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
    registry_login,
)
from bayplan.cli.options import AsJson, Domain, ImageWords, Mistyped, Server, Task, Yes


class StateFilter(StrEnum):
    """How images stand with their registries, as `--state` names it."""

    MISSING = "missing"
    MOVED = "moved"
    DENIED = "denied"
    UNREACHABLE = "unreachable"
    OK = "ok"
    NOT_OK = "not-ok"
    UNCHECKED = "unchecked"


group = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="The images of the catalogue.")


def register(app: typer.Typer) -> None:
    """Adds the group."""
    app.add_typer(group, name="images")


@group.command("list")
def list_(
    task: Task = None,
    domain: Domain = None,
    framework: Annotated[
        str | None, typer.Option(metavar="NAME", help="Only with that framework: PyTorch, or 'PyTorch 2.4'.")
    ] = None,
    name: Annotated[str | None, typer.Option(metavar="TEXT", help="Only with that in their name.")] = None,
    state: Annotated[
        StateFilter | None,
        typer.Option(
            metavar="STATE",
            help="Only those that stand so with their registry: missing, moved, denied, unreachable, ok, not-ok, unchecked.",
        ),
    ] = None,
    deleted: Annotated[bool, typer.Option("--deleted", help="The deleted ones.")] = False,
    limit: Annotated[int | None, typer.Option(min=1, metavar="N", help="At most so many.")] = None,
    server: Server = None,
    as_json: AsJson = False,
) -> None:
    """List images, by name and version."""
    from bayplan.cli import output, session
    from bayplan.cli.images import view as image_view
    from bayplan.client import any_of, both, contains, exact, is_null

    wanted = []
    if task is not None:
        wanted.append(exact("tasks", task, case_insensitive=True))
    if domain is not None:
        wanted.append(exact("domain", domain, case_insensitive=True))
    if framework is not None:
        release = framework.rpartition(" ")
        named = exact("framework.name", framework, case_insensitive=True)
        both_named = both(
            exact("framework.name", release[0], case_insensitive=True),
            exact("framework.version", release[2], case_insensitive=True),
        )
        wanted.append(any_of(named, both_named))
    if name is not None:
        wanted.append(contains("name", name, case_insensitive=True))
    if state is not None:
        looked_at = is_null("check.state", invert=True)
        not_ok = both(looked_at, exact("check.state", "ok", invert=True))
        special = {StateFilter.NOT_OK: not_ok, StateFilter.UNCHECKED: is_null("check.state")}
        wanted.append(special.get(state) or exact("check.state", state.value))
    if deleted:
        wanted.append(is_null("deletion_time", invert=True))
    order = ("name", "version")
    with session.connect(server) as client:
        if as_json:
            return output.show_json(client.images.list(*wanted, order_by=order, include_inactive=deleted, limit=limit))
        found = client.images.list(*wanted, order_by=order, include_inactive=deleted, limit=limit, expand=True)
    return image_view.show_list(found)


@group.command()
def show(image: ImageWords, server: Server = None, as_json: AsJson = False) -> None:
    """Show everything about an image."""
    from bayplan.cli import lookup, output, session
    from bayplan.cli.images import check_view
    from bayplan.cli.images import view as image_view

    with session.connect(server) as client:
        found = lookup.image(client, image)
        if as_json:
            return output.show_json(client.images.get(found["pk"]))
        checks = client.images.checks(found["pk"])
    image_view.show_one(found, check_view.standing(checks))
    return check_view.show_history(checks)


@group.command()
def edit(
    image: ImageWords,
    name: Annotated[str | None, typer.Option(metavar="NAME", help="Its new name.")] = None,
    version: Annotated[str | None, typer.Option(metavar="VERSION", help="Its new version.")] = None,
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
    server: Server = None,
    as_json: AsJson = False,
) -> None:
    """Change what is given of an image; the rest stays."""
    from bayplan.cli import lookup, output, session

    given = {
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
    }
    changes = body(given) | registry_login(registry_username, registry_password_stdin)
    if not changes:
        raise Mistyped("Say what to change, as in `--cuda 12.4.1`; --help lists what there is.")
    with session.connect(server) as client:
        changed = client.images.update(lookup.image(client, image)["pk"], changes)
    if as_json:
        return output.show_json(changed)
    return typer.echo(f"Changed {', '.join(sorted(changes))} of {changed['name']} {changed['version']}.")


@group.command()
def rm(
    image: ImageWords,
    hard: Annotated[bool, typer.Option("--hard", help="For good: nothing is left to reinstate.")] = False,
    yes: Yes = False,
    server: Server = None,
) -> None:
    """Delete an image; it can be reinstated, unless it is --hard."""
    from bayplan.cli import lookup, prompt, session

    with session.connect(server) as client:
        found = lookup.image(client, image)
        named = f"{found['name']} {found['version']}"
        if not hard:
            client.images.delete(found["pk"])
            return typer.echo(f"Deleted {named}; `bayplan images reinstate {found['pk']}` brings it back.")
        if prompt.agreed(f"Remove {named} for good?", yes=yes):
            client.images.delete_for_good(found["pk"])
            typer.echo(f"Removed {named} for good.")
        return None


@group.command()
def reinstate(image: ImageWords, server: Server = None) -> None:
    """Bring a deleted image back."""
    from bayplan.cli import lookup, session

    with session.connect(server) as client:
        back = client.images.reinstate(lookup.image(client, image, deleted=True)["pk"])
    typer.echo(f"{back['name']} {back['version']} is back.")


group.command("add")(adding.add)
group.command("inspect")(inspecting.inspect)
group.command("verify")(verifying.verify)
group.command("docker-config")(docker_config.docker_config)
group.command("facts")(facts.show)
group.command("set-facts")(facts.enter)
