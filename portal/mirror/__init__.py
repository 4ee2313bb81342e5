"""Our copy of Zoho, one module a table. Only portal/sync writes through it."""
