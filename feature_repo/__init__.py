"""What we know about a person now: fold, served row, context vector, Feast."""
