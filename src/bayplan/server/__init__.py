"""The server: HTTP at the edge, one folder for each feature, over the store and the domain."""
