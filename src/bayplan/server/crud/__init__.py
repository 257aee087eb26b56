"""The six actions that every resource has: list, load, create, replace, change and delete."""
