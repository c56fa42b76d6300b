"""The page: one sentence on black, its files read once and served from memory."""
