"""This machine as a worker of a server: `bayplan worker`."""
