"""What a person answers to a tip."""
