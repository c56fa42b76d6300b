"""The stream processor: from new events to served rows."""
