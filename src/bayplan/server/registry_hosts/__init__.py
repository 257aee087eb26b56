"""The registries that images are pulled from: the check states of their images, and another password for their credentials."""
