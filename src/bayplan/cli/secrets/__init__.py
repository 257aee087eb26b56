"""The keys that encrypt registry passwords: `bayplan secrets`, on the database itself."""
