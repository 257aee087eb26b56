"""The users: `bayplan user`, on the database itself."""
