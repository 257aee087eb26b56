"""Measurements that anybody can repeat: `make bench` for speed, `make truth` for the rules."""
