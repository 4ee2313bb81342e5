"""A Zoho Billing that fits on a laptop: stateful, time-travelling, and reached over HTTP only."""
