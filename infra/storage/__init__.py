"""Durable files, SQLite files and locks: what several roots need of a file system."""
