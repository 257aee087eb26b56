"""`bayplan whoami`: says who you are at which server, and until when."""

from bayplan.cli.options import TABLE, Output, Server


def whoami(server: Server = None, output_format: Output = TABLE) -> None:
    """Say who you are, at which server, and until when."""
    from bayplan.cli import connection, output
    from bayplan.cli.sessions import _view as view
    from bayplan.client.session import named_server

    named = named_server(server)
    with connection.connect(server) as client:
        answer = view.who(client.users.me(), named)
    return output.render(answer, output_format, view=view.show_who, name=view.user_name)
