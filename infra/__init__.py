"""Adapters to the outside world: database, bus, vault, connectors, clock."""
