"""Webhooks: endpoints, payloads, signatures, deliveries and their history."""
