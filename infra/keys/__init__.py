"""The keys of an installation: files, master keys and their rotation."""
