"""The mirror in JetStream: its connection, its stream, what writes it and what reads it; the vendor stays in here."""
