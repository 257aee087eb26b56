"""`bayplan user`, on the database itself."""
