"""The example catalogue and fleet, to try bayplan with."""
