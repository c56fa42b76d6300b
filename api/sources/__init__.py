"""Push sources: devices and webhooks."""
