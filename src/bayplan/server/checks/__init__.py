"""Checks of images in their registries, in the background and on request."""
