"""The tokens of programs: `bayplan token`."""
