"""What an operator sees and measures."""
