"""The server: `bayplan serve` and `bayplan migrate`."""
