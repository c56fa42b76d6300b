"""Who decides: gate, shadow verdict, experiments, demotion, drift."""
