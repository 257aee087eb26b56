"""`bayplan user`."""
