"""Sessions: one-time links, the admin token, signing out."""
