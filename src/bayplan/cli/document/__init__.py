"""Catalogue files: reads, checks and writes them."""
