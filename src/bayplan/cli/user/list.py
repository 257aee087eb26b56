"""`bayplan user list`: lists the users."""

from bayplan.cli.options import TABLE, Database, Home, Output, Server, SortBy


def list_(
    sort_by: SortBy = None,
    server: Server = None,
    home: Home = None,
    database: Database = None,
    output_format: Output = TABLE,
) -> None:
    """List the users that you may see: all for staff, else yourself."""
    from bayplan.cli import output, sorting
    from bayplan.cli.user import _view as user_view
    from bayplan.cli.user import _where

    paths = sorting.order("user list", sort_by)
    with _where.users_at(server, home, database) as users:
        everyone = sorting.in_order(users.all(), paths)
    return output.render(everyone, output_format, view=user_view.show_users, name=user_view.name)
