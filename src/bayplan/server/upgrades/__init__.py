"""The driver upgrades of a fleet that are worth making."""
