"""The state of a person: fold, served row, context vector, Feast."""
