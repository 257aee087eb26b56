"""How Alembic runs here: on the connection it is given, in the transaction that is open, with all tables of `bayplan.db.tables`."""

from alembic import context

from bayplan.db.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    transaction_per_migration=False,
    render_as_batch=True,
)
context.run_migrations()
