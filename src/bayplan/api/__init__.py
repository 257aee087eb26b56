"""The HTTP API: every handler parses, makes one call, and renders."""
