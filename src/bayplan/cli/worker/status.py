"""`bayplan worker status`: shows this machine's worker and nodes at its server, and what it has not reported yet."""

from typing import Annotated

import typer

from bayplan.cli.options import TABLE, Output, State, worker_state

# 1 is for a machine that has not joined, 2 for a command that is typed wrongly.
EXIT_CODES = {"server": 3, "credential": 4, "engine": 5, "hardware": 6}
"""The exit code for each part that does not work; for several the lowest."""


def status(
    engine: Annotated[
        str | None,
        typer.Option(metavar="URL", help="The container engine [default: as for bayplan worker run]"),
    ] = None,
    state: State = None,
    output_format: Output = TABLE,
) -> None:
    """Show this machine as its server knows it.

    It also shows what has changed since the last report. The exit code says what does not work:
    3 the server, 4 the credential, 5 the engine, 6 the hardware probe.
    """
    from bayplan.agent import membership
    from bayplan.agent.credential import read

    path = worker_state(state)
    current = membership.status(path, read(path), engine, meanwhile=_load_views)

    from bayplan.cli import output
    from bayplan.cli.worker import _view as worker_view

    output.render(current, output_format, view=worker_view.show_status, name=lambda status: str(status["worker"]))
    if current["failing"]:
        raise typer.Exit(min(EXIT_CODES[part] for part in current["failing"]))


def _load_views() -> None:
    """Loads what draws the output, while the probe's process works."""
    from bayplan.cli import output  # noqa: F401  # it is loaded, and used when the status is there
    from bayplan.cli.worker import _view  # noqa: F401  # as above
