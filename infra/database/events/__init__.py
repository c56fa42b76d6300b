"""The event table, its outbox, and what is kept of events."""
