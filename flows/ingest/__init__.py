"""Files into events."""
