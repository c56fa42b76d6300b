"""NATS JetStream: connection, stream configuration, publishing and reading."""
