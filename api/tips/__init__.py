"""Tips and their receipts."""
