"""Sessions: tokens for a password or for the secret of a worker."""
