"""Mail to customers: written once, kept in an outbox, sent at most once."""
