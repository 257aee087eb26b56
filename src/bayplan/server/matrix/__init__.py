"""The matrix of a fleet: every group of images on every kind of nodes."""
