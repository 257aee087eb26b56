"""`bayplan match` and `bayplan why`."""
