"""Catalogue files: read, checked and written."""
