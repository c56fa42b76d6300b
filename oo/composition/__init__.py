"""The parts of one installation, each put together for one reason and opened when it is first asked for."""
