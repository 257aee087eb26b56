"""`bayplan worker leave`: ends this machine's time as a worker."""

from typing import Annotated

import typer

from bayplan.cli.options import State, Yes, worker_state


def leave(
    force: Annotated[
        bool, typer.Option("--force", help="Remove the credential here even where the server does not answer.")
    ] = False,
    yes: Yes = False,
    state: State = None,
) -> None:
    """Leave the server: its nodes go, and the credential ends."""
    from bayplan.agent import membership
    from bayplan.agent.credential import read
    from bayplan.cli.prompt import agreed

    path = worker_state(state)
    agent_state = read(path)
    if not agreed(f"Leave {agent_state.server} and remove this machine's nodes there?", yes=yes):
        return
    was_there = membership.leave(path, force=force)
    typer.echo(
        f"{agent_state.worker} left {agent_state.server}."
        if was_there
        else f"Removed the credential of {agent_state.worker}; {agent_state.server} did not answer, or did not know it any more."
    )
