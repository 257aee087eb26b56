"""Nodes and workers: joining, reporting, heartbeats."""
