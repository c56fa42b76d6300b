"""One tip, now, and why it was given."""
