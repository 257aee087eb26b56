"""`bayplan worker leave`: ends this machine's time as a worker."""

from typing import Annotated

import typer

from bayplan.cli.options import TABLE, Output, State, Yes, worker_state


def leave(
    force: Annotated[
        bool, typer.Option("--force", help="Remove the credential here even if the server does not answer.")
    ] = False,
    yes: Yes = False,
    state: State = None,
    output_format: Output = TABLE,
) -> None:
    """Leave the server: remove the nodes, end the credential."""
    from bayplan.agent import membership
    from bayplan.agent.credential import read
    from bayplan.cli import output, prompt

    path = worker_state(state)
    agent_state = read(path)
    if not yes:
        prompt.require(f"Leave {agent_state.server} and remove this machine's nodes there?", output_format)
    was_there = membership.leave(path, force=force)
    sentence = (
        f"{agent_state.worker} left {agent_state.server}."
        if was_there
        else f"Removed the credential of {agent_state.worker}; {agent_state.server} did not answer, or did not know it any more."
    )
    answer = {"worker": agent_state.worker, "server": agent_state.server, "nodes": agent_state.nodes, "left": was_there}
    output.render(answer, output_format, view=sentence, name=lambda left: left["worker"])
