"""The state of the catalogue and the fleet at a glance."""
