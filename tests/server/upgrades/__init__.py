"""Driver upgrades over HTTP."""
