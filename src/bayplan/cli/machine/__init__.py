"""Questions about this machine that need no server: `bayplan check` and `bayplan probe`."""
