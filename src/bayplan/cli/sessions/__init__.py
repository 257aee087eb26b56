"""`bayplan login` and `bayplan logout`."""
