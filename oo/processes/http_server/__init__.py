"""How a connection is served before any app sees it."""
