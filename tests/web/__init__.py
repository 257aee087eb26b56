"""Tests of the pages: most ask by HTTP, some open a page in a real Chromium."""
