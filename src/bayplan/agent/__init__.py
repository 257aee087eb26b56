"""The agent on a machine of the fleet: probes the hardware, joins, sends heartbeats, pulls images. Imports nothing of the server's."""
