"""`bayplan worker status`: what this machine is to its server."""

from bayplan.cli.options import AsJson, State, worker_state


def status(state: State = None, as_json: AsJson = False) -> None:
    """Show what this machine is to its server.

    And what has changed since it last reported.
    """
    from bayplan.agent import membership
    from bayplan.agent.credential import read
    from bayplan.cli import output
    from bayplan.cli.worker import _view as worker_view

    known = read(worker_state(state))
    found = membership.status(known)
    if as_json:
        return output.show_json(found)
    return worker_view.show_status(found)
