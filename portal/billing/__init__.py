"""Billing's rules and words, pure: no Flask, no HTTP, no database."""
