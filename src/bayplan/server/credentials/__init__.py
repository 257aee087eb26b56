"""The credentials of registries: listed without passwords, rotated, and written for engines."""
