"""Laws of the application database."""
