"""Choosing a plan and buying it on Zoho's hosted page."""
