"""Which image runs on which node: questions answered from the catalogue as it is now."""
