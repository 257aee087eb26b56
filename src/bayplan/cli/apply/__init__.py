"""`bayplan apply` and `bayplan export`."""
