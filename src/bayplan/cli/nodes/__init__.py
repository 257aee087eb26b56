"""`bayplan nodes`."""
