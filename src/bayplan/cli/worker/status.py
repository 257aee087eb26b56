"""`bayplan worker status`: shows this machine's worker and nodes at its server, and what it has not reported yet."""

from bayplan.cli.options import AsJson, State, worker_state


def status(state: State = None, as_json: AsJson = False) -> None:
    """Show what this machine is to its server.

    And what has changed since it last reported.
    """
    from bayplan.agent import membership
    from bayplan.agent.credential import read
    from bayplan.cli import output
    from bayplan.cli.worker import _view as worker_view

    agent_state = read(worker_state(state))
    current = membership.status(agent_state)
    if as_json:
        return output.show_json(current)
    return worker_view.show_status(current)
