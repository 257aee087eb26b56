"""The audit log of registry passwords and the history of the catalogue: `bayplan audit` and `bayplan history`."""
