"""`bayplan prefetch ...`: which nodes are to hold which images before anybody asks for them, and which do."""

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bayplan.cli.options import AsJson, Mistyped, Server
from bayplan.errors import Invalid, NotFound

if TYPE_CHECKING:
    from bayplan.client import Client
    from bayplan.client.filters import Expression
    from bayplan.schemas.prefetch import ExpandedPrefetchRuleAnswer

group = typer.Typer(
    no_args_is_help=True, rich_markup_mode=None, help="Which nodes are to hold which images before anybody asks."
)

RuleName = Annotated[str, typer.Argument(metavar="RULE", help="Its name, or its key.", show_default=False)]
Filter = Annotated[
    str | None, typer.Option(metavar="JSON", help="A filter as the API takes it, in place of those options.")
]


def register(app: typer.Typer) -> None:
    """Adds the group."""
    app.add_typer(group, name="prefetch")


@group.command()
def add(
    name: Annotated[str, typer.Argument(metavar="NAME", help="What to call the rule.", show_default=False)],
    task: Annotated[list[str] | None, typer.Option(metavar="TASK", help="Images for that task; repeat it.")] = None,
    domain: Annotated[list[str] | None, typer.Option(metavar="DOMAIN", help="Of that domain; repeat it.")] = None,
    framework: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="With PyTorch, or with 'PyTorch 2.4'; repeat it.")
    ] = None,
    image: Annotated[
        list[str] | None, typer.Option(metavar="IMAGE", help="That one: its key, or name:version; repeat it.")
    ] = None,
    images_filter: Filter = None,
    node: Annotated[
        list[str] | None,
        typer.Option(metavar="NODE", help="For that node: its key, address#index, or address; repeat it."),
    ] = None,
    generation: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="For GPUs of that generation: Ampere, ...; repeat it.")
    ] = None,
    nodes_filter: Filter = None,
    server: Server = None,
    as_json: AsJson = False,
) -> None:
    """Add a rule: its nodes are to hold its images.

    As far as these run there. Without an option about nodes it is for all. Options of one kind add to each other, of several
    kinds all have to be met.
    """
    from bayplan.cli import output, session
    from bayplan.cli.prefetch import rules

    about_images, about_nodes = (task, domain, framework, image), (node, generation)
    if images_filter is not None and any(about_images):
        raise Mistyped("--images-filter says all about the images; leave out the other options about them.")
    if nodes_filter is not None and any(about_nodes):
        raise Mistyped("--nodes-filter says all about the nodes; leave out the other options about them.")
    if images_filter is None and not any(about_images):
        raise Mistyped("Say which images: --task, --domain, --framework or --image; --images-filter '{}' is all.")
    body: dict[str, Any] = {
        "name": name,
        "images": rules.images(*(given or [] for given in about_images))
        if images_filter is None
        else _parsed("--images-filter", images_filter),
        "nodes": rules.nodes(*(given or [] for given in about_nodes))
        if nodes_filter is None
        else _parsed("--nodes-filter", nodes_filter),
    }
    with session.connect(server) as client:
        made = client.prefetch.create(body)
        if as_json:
            return output.show_json(made)
        named = {
            "image": client.images.list(*made["images"]["expressions"], limit=1),
            "node": client.nodes.list(*made["nodes"]["expressions"], limit=1),
        }
    typer.echo(f"Added the rule {made['name']!r} ({made['pk']}); `bayplan prefetch status` shows what comes of it.")
    if nothing := [kind for kind, found in named.items() if not found]:
        typer.echo(f"So far it lets no {' and no '.join(nothing)} through: is everything spelt right?")
    return None


@group.command("list")
def list_(server: Server = None, as_json: AsJson = False) -> None:
    """List the rules, by age."""
    from bayplan.cli import output, session
    from bayplan.cli.prefetch import view as prefetch_view

    with session.connect(server) as client:
        if as_json:
            return output.show_json(client.prefetch.list())
        return prefetch_view.show_list(client.prefetch.list(expand=True))


@group.command()
def show(rule: RuleName, server: Server = None, as_json: AsJson = False) -> None:
    """Show a rule."""
    from bayplan.cli import output, session
    from bayplan.cli.prefetch import view as prefetch_view

    with session.connect(server) as client:
        found = _found(client, rule)
        if as_json:
            return output.show_json(client.prefetch.get(found["pk"]))
        return prefetch_view.show_one(found)


@group.command()
def rm(rule: RuleName, server: Server = None) -> None:
    """Remove a rule.

    Workers remove what no other rule gives them, and no container uses.
    """
    from bayplan.cli import session

    with session.connect(server) as client:
        found = _found(client, rule)
        client.prefetch.delete(found["pk"])
    typer.echo(f"Removed the rule {found['name']!r}.")


@group.command()
def status(
    node: Annotated[
        str | None, typer.Option(metavar="NODE", help="The images of one node: its key, or address#index.")
    ] = None,
    image: Annotated[
        str | None, typer.Option(metavar="IMAGE", help="The nodes of one image: its key, or name:version.")
    ] = None,
    server: Server = None,
    as_json: AsJson = False,
) -> None:
    """Show how much each machine holds of what it is to hold.

    With --node what that node holds, with --image which nodes hold that image.
    """
    from bayplan.cli import lookup, output, session
    from bayplan.cli.prefetch import view as prefetch_view

    if node is not None and image is not None:
        raise Mistyped("Give --node or --image, not both.")
    with session.connect(server) as client:
        if node is not None:
            of_node = client.prefetch.node_inventory(lookup.node(client, node)["pk"])
            return output.show_json(of_node) if as_json else prefetch_view.show_node(of_node)
        if image is not None:
            of_image = client.prefetch.image_inventory(lookup.image(client, [image])["pk"])
            return output.show_json(of_image) if as_json else prefetch_view.show_image(of_image)
        machines = client.prefetch.status()
    return output.show_json(machines) if as_json else prefetch_view.show_machines(machines)


def _found(client: "Client", typed: str) -> "ExpandedPrefetchRuleAnswer":
    from bayplan.client import exact

    if typed.isdecimal():
        return client.prefetch.get(int(typed), expand=True)
    found = client.prefetch.list(exact("name", typed), expand=True)
    if not found:
        raise NotFound(f"There is no rule {typed!r}; `bayplan prefetch list` shows those there are.")
    return found[0]


def _parsed(option: str, text: str) -> "dict[str, list[Expression]]":
    try:
        found = json.loads(text)
    except ValueError as error:
        raise Invalid(f"{option} is not JSON ({error}); docs/api.md shows what filters look like.") from None
    if not isinstance(found, dict):
        raise Invalid(f'{option} is no filter; write it like {{"expressions": [...], "order_by": [...]}}.')
    return found
