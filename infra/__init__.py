"""The outside world: database, bus, vault, connectors, clock."""
