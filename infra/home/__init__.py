"""One `OO_HOME`: how it is opened, and whether what lies in it belongs together."""
