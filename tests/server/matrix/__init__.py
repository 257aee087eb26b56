"""The matrix over HTTP."""
