"""The pages: what the API answers, for people with a browser."""
