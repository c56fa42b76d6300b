"""One `OO_HOME`: how it is opened, and whether its contents belong together."""
