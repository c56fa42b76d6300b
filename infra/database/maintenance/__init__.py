"""Checkpoints, backup, expiry, erasure and totals."""
