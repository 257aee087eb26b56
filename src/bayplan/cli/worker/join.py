"""`bayplan worker join`: makes this machine a worker of a server."""

import sys
from typing import Annotated

import typer

from bayplan.cli.options import TABLE, Output, State, UsageError, worker_state
from bayplan.errors import Invalid


def join(
    server: Annotated[str, typer.Argument(metavar="SERVER", help="The server's address.", show_default=False)],
    token: Annotated[str | None, typer.Option(metavar="TOKEN", help="A join token, as staff make them.")] = None,
    token_stdin: Annotated[bool, typer.Option("--token-stdin", help="Read the token from standard input.")] = False,
    ip: Annotated[
        str | None,
        typer.Option(
            metavar="ADDRESS", help="This machine's address or host name [default: its address towards SERVER]"
        ),
    ] = None,
    no_gpu: Annotated[bool, typer.Option("--no-gpu", help="Join as a machine without GPU, whatever it has.")] = False,
    state: State = None,
    output_format: Output = TABLE,
) -> None:
    """Join a server: each GPU of this machine becomes a node.

    Joining again updates them.
    """
    from bayplan.agent import membership
    from bayplan.cli import output
    from bayplan.cli.nodes import _view as node_view
    from bayplan.cli.worker import _view as worker_view
    from bayplan.client.tokens import clean_token

    if (token is None) is not token_stdin:
        raise UsageError(
            "Name the join token by --token TOKEN, or send it to standard input with --token-stdin; `bayplan nodes join-token` makes one."
        )
    text = next((line for line in sys.stdin if line.strip()), "") if token is None else token
    try:
        join_token = clean_token(text, "That is no join token")
    except Invalid as error:
        raise Invalid(f"{error.detail.removesuffix('.')}; `bayplan nodes join-token` makes one.") from None
    nodes = membership.join(
        worker_state(state),
        server,
        join_token,
        ip=ip,
        without_gpu=no_gpu,
        warn=lambda text: typer.echo(output.words(text), err=True),
    )
    return output.render(nodes, output_format, view=worker_view.show_joined, name=node_view.name)
