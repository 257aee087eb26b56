"""The audit log: every registry password that left the server."""
