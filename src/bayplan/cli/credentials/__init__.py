"""`bayplan credentials`."""
