"""`bayplan secrets`, on the database itself."""
