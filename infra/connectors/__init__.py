"""Connectors read a person's sources and turn them into events; each loads its own vendor when it is used."""
