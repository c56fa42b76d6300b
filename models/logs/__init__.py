"""Decision logs as data."""
