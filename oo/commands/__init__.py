"""The commands, by what a person wants to do; each module registers its own and imports lazily."""
