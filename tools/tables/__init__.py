"""Makes the rows of the tables that are read from wheels (`make tables`, docs/tables.md)."""
