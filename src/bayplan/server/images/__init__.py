"""Images: soft deletion and facts, which no other resource has."""
