"""What-if over HTTP."""
