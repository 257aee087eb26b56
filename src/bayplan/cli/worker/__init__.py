"""`bayplan worker`."""
