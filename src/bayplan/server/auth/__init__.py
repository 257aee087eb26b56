"""Authentication of principals, and what they may do."""
