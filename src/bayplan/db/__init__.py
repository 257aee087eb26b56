"""The store: tables, queries and transactions, the same on SQLite and PostgreSQL."""
