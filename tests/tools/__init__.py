"""Tests of what whoever maintains bayplan runs."""
