"""What whoever maintains bayplan runs; no part of the package."""
