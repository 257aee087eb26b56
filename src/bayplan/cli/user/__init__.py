"""The users: `bayplan user`, over HTTP or on the database itself."""
