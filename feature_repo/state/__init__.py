"""The working state of one person, folded from events, and the served row."""
