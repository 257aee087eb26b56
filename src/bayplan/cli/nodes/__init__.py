"""The nodes of the fleet: `bayplan nodes`."""
