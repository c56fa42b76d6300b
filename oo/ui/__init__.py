"""What the command line prints, asks and answers."""
