"""Weather: faults of the API, of OAuth and of webhooks, seeded and repeatable."""
