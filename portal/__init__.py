"""A self-hosted billing portal in front of Zoho Billing. Composition is in ``app`` and ``services``."""
