"""What the merchant's staff see and repair: the connection to Zoho, the sync."""
