"""The HTTP API, one folder per domain, and the page."""
