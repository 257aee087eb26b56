"""The session at a server: `bayplan login` and `bayplan logout`."""
