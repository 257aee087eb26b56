"""What only docker images have: soft deletion and facts."""
