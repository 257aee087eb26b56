"""Deprecated images, and images that are out of date."""
