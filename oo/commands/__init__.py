"""The commands by topic; each module registers its own and imports lazily."""
