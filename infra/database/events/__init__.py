"""The event table, its outbox, and what is derived from events."""
