"""The state of the catalogue and the fleet in numbers, for Prometheus."""
