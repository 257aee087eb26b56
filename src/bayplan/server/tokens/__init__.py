"""Tokens of users for programs: made, listed and revoked."""
