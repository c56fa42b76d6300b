"""Output, errors and sign-in of the command line."""
