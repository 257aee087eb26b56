"""The catalogue as a file in git: `bayplan apply` and `bayplan export`."""
