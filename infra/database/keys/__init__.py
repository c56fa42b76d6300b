"""The fingerprints of the keys that the data was written with."""
