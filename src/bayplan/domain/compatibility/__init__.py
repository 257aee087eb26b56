"""Which image runs on which node, and why not."""
