"""Connectors: what reads a person's sources and turns them into events; each loads its own vendor when it is used."""
