"""The judge against real reports of what ran and what did not: `make truth`."""
