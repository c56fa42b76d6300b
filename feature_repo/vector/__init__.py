"""Context vectors, from served rows."""
