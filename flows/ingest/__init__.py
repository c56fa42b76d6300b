"""Ingest: files into events."""
