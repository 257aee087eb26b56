"""`bayplan list`."""
