"""The wire: what may be sent and what is answered, one module for each resource. Pydantic only."""
