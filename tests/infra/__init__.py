"""Laws of the outside world."""
