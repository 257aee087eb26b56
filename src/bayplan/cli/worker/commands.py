"""`bayplan worker`: a machine joins, runs as a worker and leaves again."""

import sys
from typing import Annotated

import typer

from bayplan.cli.options import AsJson, Mistyped, State, Yes, duration, size, worker_state
from bayplan.cli.worker import pull as pulling
from bayplan.errors import Invalid

group = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="This machine as a worker of a server.")


def register(app: typer.Typer) -> None:
    """Adds the group."""
    group.command()(pulling.pull)
    app.add_typer(group, name="worker")


@group.command()
def join(
    server: Annotated[str, typer.Argument(metavar="SERVER", help="The server's address.", show_default=False)],
    token: Annotated[str | None, typer.Option(metavar="TOKEN", help="A join token, as staff make them.")] = None,
    token_stdin: Annotated[bool, typer.Option("--token-stdin", help="Read the token from the input.")] = False,
    ip: Annotated[
        str | None,
        typer.Option(metavar="ADDRESS", help="What to call this machine [default: its address towards SERVER]"),
    ] = None,
    no_gpu: Annotated[bool, typer.Option("--no-gpu", help="Leave its GPUs out, or do not look for any.")] = False,
    state: State = None,
    as_json: AsJson = False,
) -> None:
    """Join a server: each GPU of this machine becomes a node.

    Joining again updates them.
    """
    from bayplan.agent import membership
    from bayplan.cli import output
    from bayplan.cli.worker import view as worker_view

    if (token is None) is not token_stdin:
        raise Mistyped("Give the join token by either --token or --token-stdin; `bayplan nodes join-token` makes one.")
    used = sys.stdin.readline().strip() if token is None else token
    if not used.isascii() or not used:
        raise Invalid("That is no join token; `bayplan nodes join-token` makes one.")
    nodes = membership.join(worker_state(state), server, used, ip=ip, without_gpu=no_gpu)
    if as_json:
        return output.show_json(nodes)
    return worker_view.show_joined(nodes)


@group.command()
def status(state: State = None, as_json: AsJson = False) -> None:
    """Show what this machine is to its server.

    And what has changed since it last reported.
    """
    from bayplan.agent import membership
    from bayplan.agent.credential import read
    from bayplan.cli import output
    from bayplan.cli.worker import view as worker_view

    known = read(worker_state(state))
    found = membership.status(known)
    if as_json:
        return output.show_json(found)
    return worker_view.show_status(found)


@group.command()
def leave(
    force: Annotated[bool, typer.Option("--force", help="Forget the server also when it cannot be told.")] = False,
    yes: Yes = False,
    state: State = None,
) -> None:
    """Leave the server: its nodes go, and the credential ends."""
    from bayplan.agent import membership
    from bayplan.agent.credential import read
    from bayplan.cli.prompt import agreed

    path = worker_state(state)
    known = read(path)
    if not agreed(f"Leave {known.server} and remove this machine's nodes there?", yes=yes):
        return
    was_there = membership.leave(path, force=force)
    typer.echo(
        f"{known.worker} left {known.server}."
        if was_there
        else f"Forgot {known.server}, which was not told or did not know {known.worker} any more."
    )


@group.command()
def run(
    interval: Annotated[
        int, typer.Option(metavar="DURATION", parser=duration, help="How long from one sign of life to the next.")
    ] = "60s",  # type: ignore[assignment]  # the parser reads the default too
    look: Annotated[
        int,
        typer.Option(metavar="DURATION", parser=duration, help="How long from one look at the hardware to the next."),
    ] = "10m",  # type: ignore[assignment]  # the parser reads the default too
    prefetch: Annotated[
        bool, typer.Option("--prefetch/--no-prefetch", help="Hold the images that rules name for this machine.")
    ] = True,
    prefetch_every: Annotated[
        int,
        typer.Option(metavar="DURATION", parser=duration, help="How long from one look at those rules to the next."),
    ] = "5m",  # type: ignore[assignment]  # the parser reads the default too
    disk_budget: Annotated[
        int | None,
        typer.Option(metavar="SIZE", parser=size, help="How much those images may take in all, like 200GiB."),
    ] = None,
    keep_free: Annotated[
        str, typer.Option(metavar="SHARE", help="What they leave free of the engine's disk: 10%, or a size.")
    ] = "10%",
    engine: Annotated[
        str | None,
        typer.Option(metavar="URL", help="The container engine [default: DOCKER_HOST, or this machine's]"),
    ] = None,
    state: State = None,
) -> None:
    """Keep this machine's nodes alive at the server, until stopped.

    What changes is reported, and the images that rules for prefetching name for this machine are kept here.
    """
    from bayplan.agent.disk_budget import share
    from bayplan.agent.process import AgentOptions, become

    part = share(keep_free)
    become(
        AgentOptions(
            state=str(worker_state(state).absolute()),
            heartbeat_seconds=interval,
            probe_seconds=look,
            prefetch_seconds=prefetch_every if prefetch else None,
            budget_bytes=disk_budget,
            free_bytes=size(keep_free) if part is None else 0,
            free_share=part or 0.0,
            engine=engine,
        )
    )
