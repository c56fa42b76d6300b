"""The thin door: one folder per domain, and the page."""
