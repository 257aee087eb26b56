"""The agent on a machine of the fleet: reads its hardware, joins with it, and keeps the server told. Needs nothing of the server's."""
