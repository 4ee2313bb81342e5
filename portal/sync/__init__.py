"""Keeping our copy equal to Zoho, and asking Zoho to change things exactly once."""
