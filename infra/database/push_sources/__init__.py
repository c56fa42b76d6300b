"""Devices and webhooks, and what they delivered."""
