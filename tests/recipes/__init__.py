"""What CONTRIBUTING.md teaches, done in a copy of this tree."""
