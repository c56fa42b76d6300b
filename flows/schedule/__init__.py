"""Deployments, their windows, and the worker that runs them."""
