"""Measurements that anybody can repeat: `make bench` and `make bench-registries` for speed, `make truth` for the rules."""
