"""The credentials of registries: `bayplan credentials`."""
