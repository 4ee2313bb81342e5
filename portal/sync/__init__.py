"""Keeping the mirror equal to Zoho: hints come in, objects are re-read, differences are found."""
