"""The servers that you use, by name: `bayplan context`."""
