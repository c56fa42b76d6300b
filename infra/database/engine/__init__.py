"""Connections, units of work, SQL building blocks and migrations."""
