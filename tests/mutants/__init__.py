"""The check behind `make mutants`, of our own because no library does it for this project.

mutmut 3.8 changes the bodies of functions only, without decorated ones, so no thresholds and tables of modules and no
properties, and a number only by one. cosmic-ray 8.7 writes each mutant into the tree, starts Python anew for it, and
has no operator for texts, removed statements or returned values. Names of rules and bounds are what is checked here.
"""
