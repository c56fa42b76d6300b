"""The policies of a process, verified when they are loaded."""
