"""Devices and webhooks that may push."""
