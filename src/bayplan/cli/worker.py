"""`bayplan worker ...`: this machine as a worker of a server: joining, running, leaving."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from bayplan.cli.options import AsJson, Yes, duration
from bayplan.errors import Invalid

group = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="This machine as a worker of a server.")

State = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE", help="Where its credential is kept [default: BAYPLAN_WORKER_STATE, or the user's own]"
    ),
]


def register(app: typer.Typer) -> None:
    """Adds the group."""
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
    """Join a server, or join it again: each GPU of this machine becomes a node."""
    from bayplan.cli import screen, worker_view
    from bayplan.worker import membership

    if (token is None) is not token_stdin:
        raise typer.BadParameter(
            "Give the join token by --token or --token-stdin; `bayplan nodes join-token` makes one."
        )
    used = sys.stdin.readline().strip() if token is None else token
    if not used.isascii() or not used:
        raise Invalid("That is no join token; `bayplan nodes join-token` makes one.")
    nodes = membership.join(_path(state), server, used, ip=ip, without_gpu=no_gpu)
    if as_json:
        return screen.show_json(nodes)
    return worker_view.show_joined(nodes)


@group.command()
def status(state: State = None, as_json: AsJson = False) -> None:
    """Show what this machine is to its server, and what has changed since it last reported."""
    from bayplan.cli import screen, worker_view
    from bayplan.worker import membership
    from bayplan.worker.state import read

    known = read(_path(state))
    found = membership.status(known)
    if as_json:
        return screen.show_json(found)
    return worker_view.show_status(found)


@group.command()
def leave(
    force: Annotated[bool, typer.Option("--force", help="Forget the server also when it cannot be told.")] = False,
    yes: Yes = False,
    state: State = None,
) -> None:
    """Leave the server: its nodes go, and the credential ends."""
    from bayplan.cli.ask import agreed
    from bayplan.worker import membership
    from bayplan.worker.state import read

    path = _path(state)
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
    state: State = None,
) -> None:
    """Keep the server told that this machine's nodes are alive and what has changed, until it is stopped."""
    import signal

    from bayplan.worker.run import Worker

    # Wherever it is: whatever is kept is kept whole, and what the server was told it has done or not.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda _number, _frame: sys.exit(0))
    Worker(_path(state), interval, look, lambda text: print(text, file=sys.stderr, flush=True)).run()


def _path(given: Path | None) -> Path:
    if given is not None:
        return given
    import platformdirs

    from bayplan.config import load_settings

    return load_settings().worker_state or Path(platformdirs.user_config_dir("bayplan")) / "worker.json"
