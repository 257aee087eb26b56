"""Bayplan: the catalogue of docker images for a fleet of deep-learning workers, and the judge of which runs where."""

__version__ = "0.1.0"
