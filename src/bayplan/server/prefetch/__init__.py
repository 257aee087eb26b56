"""Desired images of workers, and the inventories that workers report."""
