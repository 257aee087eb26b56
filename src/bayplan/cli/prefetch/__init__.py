"""`bayplan prefetch`."""
