"""The peer of the tip benchmark: the same answers, written the stock way and then frozen. See README.md."""
