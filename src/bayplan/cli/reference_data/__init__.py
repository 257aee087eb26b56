"""The reference data that images refer to: `bayplan list`."""
