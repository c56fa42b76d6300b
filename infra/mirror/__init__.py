"""The event table mirrored into a message stream: relay, reconciliation, metrics."""
