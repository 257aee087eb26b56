"""`bayplan images`."""
